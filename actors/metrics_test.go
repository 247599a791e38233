package actors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

func TestLatencyBuckets(t *testing.T) {
	t.Parallel()
	const us = time.Microsecond
	for d, want := range map[time.Duration]time.Duration{
		-1: 128 * us, 0: 128 * us, 128 * us: 128 * us, 128*us + 1: 192 * us, 192 * us: 192 * us, 193 * us: 256 * us, 256 * us: 256 * us,
		257 * us: 384 * us, 385 * us: 512 * us, time.Millisecond: 1024 * us, 134217728 * us: 134217728 * us,
		134217729 * us: math.MaxInt64, time.Hour: math.MaxInt64,
	} {
		if got := latencyBound(latencyBucket(d)); got != want {
			t.Errorf("%v is counted up to %v, want %v", d, got, want)
		}
	}
	for i := 1; i < latencyBuckets; i++ {
		if b := latencyBound(i - 1); latencyBound(i) <= b || latencyBucket(b) != i-1 || latencyBucket(b+1) != i {
			t.Errorf("bucket %d ends at %v, which is in bucket %d", i-1, b, latencyBucket(b))
		}
	}
}

func TestLatencyQuantiles(t *testing.T) {
	t.Parallel()
	var l latencies
	got := l.read(&latencyCounts{})
	if _, ok := got.Quantile(0.5); ok || got.Count != 0 {
		t.Errorf("got %+v of nothing", got)
	}
	for i := range 100 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	before := l.counts()
	for range 9 {
		l.add(time.Second)
	}
	l.add(time.Hour)
	for q, bounds := range map[float64][2]time.Duration{
		0: {time.Millisecond, 2 * time.Millisecond}, 0.5: {50 * time.Millisecond, 75 * time.Millisecond}, 0.95: {time.Second, 1500 * time.Millisecond}, 1: {100 * time.Second, time.Hour},
	} {
		got = l.read(&latencyCounts{})
		if d, ok := got.Quantile(q); !ok || d < bounds[0] || d > bounds[1] {
			t.Errorf("quantile %v is %v, want %v", q, d, bounds)
		}
	}
	got = l.read(&before)
	if d, _ := got.Quantile(0.5); d < time.Second || d > 1500*time.Millisecond {
		t.Errorf("the median of the last ones is %v", d)
	}
	last := got.Buckets[len(got.Buckets)-1]
	if got.Count != 110 || last.Count != 109 || got.Sum != 5050*time.Millisecond+9*time.Second+time.Hour {
		t.Errorf("got %+v", got)
	}
}

// Requests are counted and timed, those under way too; rates go back a minute.
func TestRemoteMetrics(t *testing.T) {
	fail := errors.New("no")
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		return nothing()
	})
	s2 := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		return protocol.FromFunction{}, fail
	})
	o := s.remote(Remote{Endpoint: "http://fns"})
	o.Remotes = append(o.Remotes, Remote{Functions: "bad/*", Caller: s2})
	within(t, o, func(n *node) {
		n.send("first", text("m")) // goes alone
		pass(2 * time.Second)
		began := time.Now()
		for i := range 29 {
			n.send(fmt.Sprint(i), text("m"))
		}
		pass(100 * time.Millisecond)
		if m := n.Metrics().Functions[testType]; m.InFlight != 29 || m.Endpoint != "http://fns" || m.Latency.Count != 1 {
			n.t.Errorf("29 requests are under way: %+v", m)
		}
		if err := n.Send(n.t.Context(), functions.TypeName("bad/f").At("x"), text("m")); err != nil {
			n.t.Fatal(err)
		}
		pass(10 * time.Second)
		m := n.Metrics().Functions[testType]
		if m.InFlight != 0 || m.In != 30 || m.RequestFailures != 0 || m.Failing != nil || m.Latency.Count != 30 || m.Latency.Sum != 30*time.Second {
			n.t.Errorf("got %+v", m)
		}
		if d, ok := m.Latency.Quantile(0.5); !ok || d < time.Second || d > 1500*time.Millisecond {
			n.t.Errorf("the median is %v", d)
		}
		if m.Rates.In != 0.5 {
			n.t.Errorf("%v messages a second in the last minute, want 0.5", m.Rates.In)
		}
		bad := n.Metrics().Functions["bad/f"]
		if bad.RequestFailures == 0 || bad.Rates.RequestFailures == 0 || bad.Failing == nil || !errors.Is(bad.Failing.Err, fail) ||
			bad.Failing.Since.Sub(began) > time.Second {
			n.t.Errorf("got %+v, failing: %+v", bad, bad.Failing)
		}
		pass(time.Hour)
		if m := n.Metrics().Functions[testType]; m.Rates != (Rates{}) || n.Engine.function(testType).history != nil {
			n.t.Errorf("an hour later: %+v", m.Rates)
		}
	})
}

// What waits is found, by function type: how much and why, and when the next attempt
// is made.
func TestBacklog(t *testing.T) {
	down := &CallError{Err: errors.New("connection refused"), Unsent: true, Down: true}
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		return protocol.FromFunction{}, down
	})
	o := s.remote(Remote{})
	o.FirstBackoff, o.LastBackoff = time.Minute, time.Minute
	o.Remotes[0].Caller = caller(func(context.Context) ([]byte, error) { return nil, down })
	within(t, o, func(n *node) {
		if b := n.Backlog(n.t.Context()); len(b.Functions) != 0 || b.Partial {
			n.t.Errorf("got %+v", b)
		}
		const addresses = 3*visitTogether + 7
		for i := range addresses {
			n.send(fmt.Sprint(i), text("m"))
		}
		for range 4 {
			n.send("5", text("more"))
		}
		n.send("6", text("more"))
		pass(time.Second)
		b := n.Backlog(n.t.Context())
		f := b.Functions[testType]
		if f == nil || f.Pending != addresses+5 || f.Addresses != addresses || f.Waiting != addresses || f.Spilled != 0 || b.Partial || b.Searching || len(f.Worst) != worstAddresses {
			n.t.Fatalf("got %+v, %+v", b, f)
		}
		if w := f.Worst; w[0].Address != at("5") || w[0].Pending != 5 || w[1].Address != at("6") || w[1].Pending != 2 {
			n.t.Errorf("got %+v", w)
		}
		if w := f.Worst[0]; !strings.Contains(w.Reason, "connection refused") {
			n.t.Errorf("got %+v", w)
		}
		// They take turns: nobody knows its own.
		failing := n.Metrics().Functions[testType].Failing
		if wait := time.Until(failing.Next); wait <= 0 || wait > 2*time.Minute {
			n.t.Errorf("the next attempt is in %v", wait)
		}
		ended, cancel := context.WithCancel(n.t.Context())
		cancel()
		if b := n.Backlog(ended); !b.Partial {
			n.t.Errorf("got %+v though nobody waited", b)
		}
	})
}

// caller is a Caller that is a function.
type caller func(context.Context) ([]byte, error)

func (c caller) Call(ctx context.Context, _ functions.TypeName, _ []byte) ([]byte, error) {
	return c(ctx)
}
