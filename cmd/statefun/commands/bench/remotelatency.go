package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/persistence"
)

// RemoteLatency is chains that begin at a fixed rate, from when they should have
// begun until the egress had them.
type RemoteLatency struct {
	Addresses       int     `json:"addresses"`
	Rate            int     `json:"rate"`
	Chains          int     `json:"chains"`
	ChainsPerSecond float64 `json:"chains_per_second"`
	P50             float64 `json:"p50_ms"`
	P90             float64 `json:"p90_ms"`
	P99             float64 `json:"p99_ms"`
	P999            float64 `json:"p99_9_ms"`
	Max             float64 `json:"max_ms"`
	// CoresUsed by the runtime and by the function server, 0 if not known.
	RuntimeCores        float64 `json:"runtime_cores_used"`
	ServerCores         float64 `json:"server_cores_used"`
	ResidentBytes       uint64  `json:"runtime_resident_bytes"`
	ServerResidentBytes uint64  `json:"server_resident_bytes"`
}

// pacedChains are chains that begin at a rate.
type pacedChains struct {
	chains *remoteChains
	first  int64 // number of the first of those below
	due    []time.Time
	took   []time.Duration // 0: under way
	left   atomic.Int64
	last   chan struct{} // closed when none is left
}

// begin prepares for n more chains. None is under way.
func (p *pacedChains) begin(n int) {
	p.first += int64(len(p.due))
	p.due, p.took, p.last = make([]time.Time, n), make([]time.Duration, n), make(chan struct{})
	p.left.Store(int64(n))
}

// sink is the egress. Whoever starts a chain has written when it was due before it
// was sent.
func (p *pacedChains) sink() actors.Sink {
	return actors.HandlerSink(func(_ context.Context, r persistence.EgressRecord) error {
		now := time.Now()
		c, err := hop.Read(r.Value)
		i := int64(c.Number) - p.first //nolint:gosec // as it was sent
		if err != nil || i < 0 || i >= int64(len(p.took)) || p.took[i] != 0 {
			return fmt.Errorf("chain %d ended twice, or was never sent", c.Number)
		}
		p.took[i] = now.Sub(p.due[i])
		if p.left.Add(-1) == 0 {
			close(p.last)
		}
		return nil
	})
}

// run begins n chains at a rate, and waits for the last to end.
func (p *pacedChains) run(ctx context.Context, e *actors.Engine, rate, n int) (LatencyResult, error) {
	p.begin(n)
	errs := make([]error, n)
	room := make(chan struct{}, maxCalls)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range n {
		p.due[i] = begin.Add(time.Duration(float64(i) / float64(rate) * float64(time.Second)))
		if wait := time.Until(p.due[i]); wait > 0 {
			sleep(wait)
		}
		if ctx.Err() != nil {
			all.Wait()
			return LatencyResult{}, context.Cause(ctx)
		}
		room <- struct{}{}
		all.Go(func() {
			errs[i] = e.SendAll(ctx, p.chains.batch(p.first+int64(i), 1))
			<-room
		})
	}
	all.Wait()
	p.chains.sent += int64(n * p.chains.hops)
	if err := errors.Join(errs...); err != nil {
		return LatencyResult{}, err
	}
	return p.wait(ctx, e, begin)
}

func (p *pacedChains) wait(ctx context.Context, e *actors.Engine, begin time.Time) (LatencyResult, error) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	select {
	case <-p.last:
		return resultOf(append([]time.Duration(nil), p.took...), time.Since(begin)), nil
	case err := <-e.Failed():
		return LatencyResult{}, err
	case <-ctx.Done():
		return LatencyResult{}, context.Cause(ctx)
	case <-late.C:
		return LatencyResult{}, fmt.Errorf("%d chains have not ended", p.left.Load())
	}
}

// remoteLatency measures chains at a rate.
func (s *suite) remoteLatency(ctx context.Context, cfg *remoteConfig, server *functionServer) (*RemoteLatency, error) {
	p := &pacedChains{chains: newRemoteChains(cfg, latencyAddresses, 1)}
	out := &RemoteLatency{Addresses: latencyAddresses, Rate: cfg.rate}
	err := s.withRemoteNode(ctx, cfg, server, p.sink(), func(e *actors.Engine) error {
		if err := p.chains.activate(ctx, e); err != nil {
			return err
		}
		count := func(d time.Duration) int { return max(1, int(d.Seconds()*float64(cfg.rate))) }
		if _, err := p.run(ctx, e, cfg.rate, count(cfg.warmup)); err != nil {
			return err
		}
		if err := out.measure(ctx, cfg, server, p, e, count(2*cfg.duration)); err != nil {
			return err
		}
		return errors.Join(e.Idle(ctx), p.chains.verify(e))
	})
	return out, err
}

func (l *RemoteLatency) measure(ctx context.Context, cfg *remoteConfig, server *functionServer, p *pacedChains, e *actors.Engine, n int) error {
	finish, err := cfg.profiles.cover()
	if err != nil {
		return err
	}
	memory := watchResident(server)
	begun, runtime, served := time.Now(), benchmarks.ProcessTime(), server.cpu()
	r, err := p.run(ctx, e, cfg.rate, n)
	elapsed := float64(time.Since(begun))
	l.RuntimeCores, l.ServerCores = float64(benchmarks.ProcessTime()-runtime)/elapsed, float64(server.cpu()-served)/elapsed
	l.ResidentBytes, l.ServerResidentBytes = memory.end()
	l.Chains, l.ChainsPerSecond = r.Calls, r.CallsPerSecond
	l.P50, l.P90, l.P99, l.P999, l.Max = ms(r.P50), ms(r.P90), ms(r.P99), ms(r.P999), ms(r.Max)
	return errors.Join(err, finish())
}

func (l *RemoteLatency) print(c *console.Console) {
	c.Printf("\nChains between %s addresses, ingress to egress: %s of %s/s ended\n", console.Count(l.Addresses), console.Count(l.ChainsPerSecond), console.Count(l.Rate))
	t := c.Table("p50", "p90", "p99", "p99.9", "max", "cores, runtime", "function server", "resident").Right(1, 2, 3, 4, 5, 6, 7, 8)
	cells := make([]string, 0, 8)
	for _, v := range []float64{l.P50, l.P90, l.P99, l.P999, l.Max} {
		cells = append(cells, fmt.Sprintf("%.2f ms", v))
	}
	t.Row(append(cells, known(l.RuntimeCores, "%.2f"), known(l.ServerCores, "%.2f"), known(mebibytes(l.ResidentBytes), "%.0f MiB"))...)
	t.Print()
}
