package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// callType is the function that is called.
const callType functions.TypeName = "bench/call"

// LatencyConfig says what Latency runs. The zero value is ready to use.
type LatencyConfig struct {
	// Rate is how many calls begin per second. Defaults to 1,000.
	Rate int
	// Addresses is the number of grains. Defaults to 1,000.
	Addresses int
	// Warmup is how long calls are made before anything is counted. Defaults to
	// 2 seconds.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 10 seconds.
	Duration time.Duration

	profiles *profiles
}

// LatencyResult is what Latency measured.
type LatencyResult struct {
	Calls int
	// CallsPerSecond is how many were answered per second: less than the rate if
	// the node could not keep up.
	CallsPerSecond           float64
	P50, P90, P99, P999, Max time.Duration
}

// Latency measures calls through HTTP to random grains that add one to a durable
// state and reply. Calls begin at a fixed rate, whether or not earlier ones have
// been answered, and their time counts from when they should have begun: a
// node that stalls pays for every call that had to wait.
func Latency(ctx context.Context, start StartNode, dir string, cfg LatencyConfig) (r LatencyResult, err error) {
	if err := cfg.validate(); err != nil {
		return r, err
	}
	err = withNode(ctx, start, dir, NodeConfig{HTTP: "127.0.0.1:0"}, func(n Node) error {
		c, err := newCaller(n.URL(), cfg.Addresses)
		if err != nil {
			return err
		}
		defer c.transport.CloseIdleConnections()
		if _, err = c.measure(ctx, cfg.Rate, cfg.Warmup); err != nil {
			return err
		}
		end, err := cfg.profiles.cover()
		if err != nil {
			return err
		}
		r, err = c.measure(ctx, cfg.Rate, cfg.Duration)
		return errors.Join(err, end())
	}, callFunction())
	return r, err
}

func callFunction() functions.Function {
	calls := functions.Value("calls", functions.Int64)
	return functions.Function{
		Type: callType, States: []functions.State{calls},
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			ctx.Reply(functions.Int64.Of(calls.Update(ctx, func(v int64) int64 { return v + n })))
			return nil
		})},
	}
}

// caller calls grains of one node.
type caller struct {
	transport *http.Transport
	client    *http.Client
	urls      []*url.URL
	header    http.Header
	body      []byte
}

// maxCalls may be under way at a time. Calls above it wait, and their time counts.
const maxCalls = 4096

func newCaller(base string, addresses int) (*caller, error) {
	body, err := functions.Int64.Encode(1)
	if err != nil {
		return nil, err
	}
	c := &caller{body: body, header: http.Header{"Content-Type": {"application/vnd." + string(functions.Int64.Name())}}}
	c.transport = &http.Transport{MaxIdleConnsPerHost: maxCalls, DisableCompression: true}
	c.client = &http.Client{Transport: c.transport, Timeout: time.Minute}
	for i := range addresses {
		u, err := url.Parse(base + "/" + string(callType) + "/" + strconv.Itoa(i) + "?call")
		if err != nil {
			return nil, err
		}
		c.urls = append(c.urls, u)
	}
	return c, nil
}

// measure begins calls at a rate for some time, and waits for the last answer.
func (c *caller) measure(ctx context.Context, rate int, d time.Duration) (LatencyResult, error) {
	took := make([]time.Duration, int(d.Seconds()*float64(rate)))
	errs := make([]error, len(took))
	room := make(chan struct{}, maxCalls)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range took {
		due := begin.Add(time.Duration(float64(i) / float64(rate) * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		room <- struct{}{}
		all.Go(func() {
			errs[i] = c.call(ctx)
			took[i] = time.Since(due)
			<-room
		})
	}
	all.Wait()
	elapsed := time.Since(begin)
	if ctx.Err() != nil {
		return LatencyResult{}, context.Cause(ctx)
	}
	return resultOf(took, elapsed), failures(errs)
}

// call calls a random grain.
func (c *caller) call(ctx context.Context) error {
	r := &http.Request{
		Method: http.MethodPost, URL: c.urls[rand.IntN(len(c.urls))], Header: c.header,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}
	answer, err := c.client.Do(r.WithContext(ctx))
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return err
}

// failures is nil if no call failed.
func failures(errs []error) error {
	n := 0
	var first error
	for _, err := range errs {
		if err != nil {
			n++
			first = cmp.Or(first, err)
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d calls failed, the first with: %w", n, len(errs), first)
}

func resultOf(took []time.Duration, elapsed time.Duration) LatencyResult {
	r := LatencyResult{Calls: len(took), CallsPerSecond: float64(len(took)) / elapsed.Seconds()}
	d := sorted(took)
	r.P50, r.P90, r.P99, r.P999, r.Max = d.rank(500), d.rank(900), d.rank(990), d.rank(999), d.rank(1000)
	return r
}

// validate fills in the defaults.
func (c *LatencyConfig) validate() error {
	c.Rate = cmp.Or(c.Rate, 1000)
	c.Addresses = cmp.Or(c.Addresses, 1000)
	c.Warmup = cmp.Or(c.Warmup, 2*time.Second)
	c.Duration = cmp.Or(c.Duration, 10*time.Second)
	return errors.Join(
		inRange("rate", c.Rate, 1, 1_000_000),
		inRange("addresses", c.Addresses, 1, 10_000_000),
		inRange("warmup", c.Warmup, 0, time.Hour),
		inRange("duration", c.Duration, time.Millisecond, time.Hour),
	)
}
