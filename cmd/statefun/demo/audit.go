package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/generator"
	"github.com/statefun-go/statefun/functions"
)

// node is what the audit asks.
type node interface {
	Call(ctx context.Context, to functions.Address, m functions.Message) (statefun.Answer, error)
	Idle(ctx context.Context) error
}

// engine is what it looks into.
type engine interface {
	StateEntries(a functions.Address, name string, visit func(actors.StateEntry) bool) (actors.StateValue, error)
	Quarantine(visit func(actors.Quarantined) bool) error
}

// audit compares what was sent with what the ledgers have recorded and what is in
// the file of alerts.
type audit struct {
	node      node
	engine    engine
	generator *generator.Generator
	alerts    string // path of their file
	// accepted transactions, and those of which nobody knows whether they are.
	// end is the position from which on none was ever sent.
	accepted, unsettled, end uint64
}

// findings are the result.
type findings struct {
	verdicts   int64 // sum of the ledgers, without those of others
	alerts     int64 // likewise
	duplicates int64 // likewise
	lines      int64 // of the file of alerts, likewise
	others     int64 // verdicts that others asked for
	// missing counts verdicts and lines that may still come.
	missing uint64
	// wrong says what does not agree, nothing if all does.
	wrong []string
	// quarantined messages, whoever sent them.
	quarantined []string
}

func (f *findings) exact() bool { return len(f.wrong) == 0 }

// patience is how long the audit waits for what is missing while nothing of it
// comes, and how long in all.
type patience struct {
	stalled, total time.Duration
}

// run audits, again and again until everything agrees or nothing more is to be
// expected. It calls waiting before each pause.
func (a *audit) run(ctx context.Context, p patience, waiting func(missing uint64)) (f *findings, err error) {
	began, progress, least := time.Now(), time.Now(), ^uint64(0)
	for {
		pass := time.Now()
		if f, err = a.once(ctx); err != nil || f.missing == 0 {
			return f, err
		}
		if f.missing < least {
			least, progress = f.missing, time.Now()
		}
		if time.Since(progress) > p.stalled || time.Since(began) > p.total {
			return f, nil
		}
		waiting(f.missing)
		if err := wait(ctx, max(200*time.Millisecond, 2*time.Since(pass))); err != nil {
			return f, err
		}
	}
}

// settleFor is how long one pass waits for the node to have nothing to do. Others
// may keep it busy for ever.
const settleFor = 2 * time.Second

func (a *audit) once(ctx context.Context) (*findings, error) {
	idle, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	if err := a.node.Idle(idle); err != nil && idle.Err() == nil {
		return nil, err
	}
	before, err := a.sums(ctx)
	if err != nil {
		return nil, err
	}
	b := newBooks(a.generator, a.end)
	if err := a.readLedgers(b); err != nil {
		return nil, err
	}
	if err := b.readAlerts(a.alerts); err != nil {
		return nil, err
	}
	after, err := a.sums(ctx)
	if err != nil {
		return nil, err
	}
	f := b.compare(before, after)
	if a.unsettled > 0 {
		f.complain("%d transactions are not known to be accepted: the next run sends them again", a.unsettled)
	} else if a.accepted != a.end {
		f.complain("%d transactions were accepted of %d", a.accepted, a.end)
	}
	f.quarantined, err = a.quarantined()
	return f, err
}

// sums asks all ledgers for their reports.
func (a *audit) sums(ctx context.Context) (sum detection.Report, err error) {
	for _, ledger := range detection.AllLedgers() {
		answer, err := a.node.Call(ctx, ledger, detection.ReportQueryType.Of(detection.ReportQuery{}))
		if err == nil && answer.Failure != "" {
			err = errors.New(answer.Failure)
		}
		if err != nil {
			return sum, fmt.Errorf("ask %s for its report: %w", ledger, err)
		}
		r, err := detection.ReportType.From(answer.Message)
		if err != nil {
			return sum, fmt.Errorf("the report of %s: %w", ledger, err)
		}
		sum = sum.Plus(r)
	}
	return sum, nil
}

// readLedgers enters what the ledgers have recorded, entry by entry.
func (a *audit) readLedgers(b *books) error {
	for _, ledger := range detection.AllLedgers() {
		err := errors.Join(
			a.readState(ledger, detection.RecordedState, b.verdict),
			a.readState(ledger, detection.RepeatedState, b.repetition),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) readState(ledger functions.Address, name string, enter func(id string, value []byte) error) error {
	var bad error
	_, err := a.engine.StateEntries(ledger, name, func(e actors.StateEntry) bool {
		bad = enter(e.Key, e.Value)
		return bad == nil
	})
	if errors.Is(err, actors.ErrNoState) {
		err = nil
	}
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("read %s of %s: %w", name, ledger, err)
	}
	return nil
}

// maxExamples are told of what is wrong.
const maxExamples = 3

func (a *audit) quarantined() (found []string, err error) {
	n := 0
	err = a.engine.Quarantine(func(q actors.Quarantined) bool {
		if n++; n <= maxExamples {
			found = append(found, fmt.Sprintf("%s, message of type %s: %s", q.Address, q.Type, firstLine(q.Error)))
		}
		return true
	})
	if n > maxExamples {
		found = append(found, fmt.Sprintf("… and %d more", n-maxExamples))
	}
	return found, err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (f *findings) complain(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}
