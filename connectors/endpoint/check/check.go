package check

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// UnknownFunction is the type that requests are for which shall reach no function.
const UnknownFunction functions.TypeName = "statefun.check/no-such-function"

// Invocations is how often a function is invoked at most, if there is a message.
const Invocations = singles + batchSize

// Options say what is checked.
type Options struct {
	// Endpoint is how the server is called. Its URL is required.
	Endpoint endpoint.Config
	// Function is whose requests are made. Defaults to none.
	Function functions.TypeName
	// ID of the instance. Defaults to "check".
	ID string
	// Message for the function. The function is not invoked if it is absent.
	Message protocol.TypedValue
	// Egresses are those that there are. Nil means that this is not known.
	Egresses []functions.Egress
	// Timeout of each request, and of connecting. Defaults to 10 seconds.
	Timeout time.Duration
	// Found is called with each finding as it comes. May be nil.
	Found func(Finding)
}

// Outcome is what a check came to.
type Outcome string

// The outcomes.
const (
	// OK is as it should be.
	OK Outcome = "ok"
	// Failed is what the runtime cannot work with, or what loses messages.
	Failed Outcome = "failed"
	// Note is something that works and is worth knowing.
	Note Outcome = "note"
	// Skipped was not tried.
	Skipped Outcome = "skipped"
)

// Finding is what one check came to.
type Finding struct {
	// Check is its name; several findings may have the same one.
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	// What was found, and what was expected.
	What string `json:"what"`
	// Advice is what to do, "" if there is nothing to do.
	Advice string `json:"advice,omitempty"`
	// Milliseconds that the request took; 0 if there was none.
	Milliseconds float64 `json:"milliseconds,omitempty"`
}

// Report is what all checks came to.
type Report struct {
	// URL that requests went to, without user information and query.
	URL      string             `json:"url"`
	Function functions.TypeName `json:"function,omitempty"`
	// Reached says that the server answered in HTTP.
	Reached  bool      `json:"reached"`
	Healthy  bool      `json:"healthy"`
	Findings []Finding `json:"findings"`
}

// Run makes the checks, one after the other. The error is a *endpoint.ConfigError, or
// the cause of ctx if it has ended; what is wrong with the server is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.ID = cmp.Or(o.ID, "check")
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	if o.Found == nil {
		o.Found = func(Finding) {}
	}
	door, err := o.Endpoint.Door(cmp.Or(o.Function, UnknownFunction))
	if err != nil {
		return nil, err
	}
	c := &checker{options: o, door: door, report: &Report{URL: door.Shown, Function: o.Function, Healthy: true, Findings: []Finding{}}}
	c.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return c.report, nil
}

// checker is one Run.
type checker struct {
	options Options
	door    *endpoint.Door // to the function, or to an unknown one
	report  *Report
	calls   []time.Duration // of the function
	closes  bool            // the server has closed a connection after a refusal
	reused  bool            // a call of the function had the connection of an earlier one
}

func (c *checker) run(ctx context.Context) {
	addresses, ok := c.reach(ctx)
	if !ok {
		return
	}
	known := newClient(c.door, addresses, c.options.Timeout)
	defer known.close()
	unknown := known
	if c.options.Function != "" {
		// The name may be a part of the URL, and even of the host.
		door, err := c.options.Endpoint.Door(UnknownFunction)
		if err != nil {
			c.failed("url", err.Error(), "")
			return
		}
		if door.Address == c.door.Address {
			unknown = newClient(door, addresses, c.options.Timeout)
			defer unknown.close()
		} else {
			unknown = nil
			c.skipped("unknown function", "each function has a host of its own in this URL")
		}
	}
	if unknown != nil && !c.unasked(ctx, unknown) {
		return
	}
	if c.options.Function == "" {
		c.skipped("function", "no function was named, so none was called; --function namespace/name checks the conversation with one")
		return
	}
	c.converse(ctx, known)
}

func (c *checker) add(f Finding) {
	if f.Outcome == Failed {
		c.report.Healthy = false
	}
	c.report.Findings = append(c.report.Findings, f)
	c.options.Found(f)
}

func (c *checker) ok(check, format string, args ...any) {
	c.add(Finding{Check: check, Outcome: OK, What: fmt.Sprintf(format, args...)})
}

func (c *checker) failed(check, what, advice string) {
	c.add(Finding{Check: check, Outcome: Failed, What: what, Advice: advice})
}

func (c *checker) note(check, what, advice string) {
	c.add(Finding{Check: check, Outcome: Note, What: what, Advice: advice})
}

func (c *checker) skipped(check, format string, args ...any) {
	c.add(Finding{Check: check, Outcome: Skipped, What: fmt.Sprintf(format, args...)})
}

// timed adds a finding about a request.
func (c *checker) timed(f Finding, r *reply) {
	f.Milliseconds = float64(r.took.Microseconds()) / 1000
	c.add(f)
}

// fault is what is wrong with an answer.
type fault struct {
	what, advice string
}
