package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// suite runs measurements one after the other in one directory, and keeps what
// they found.
type suite struct {
	start    StartNode
	dir      string
	progress *console.Progress

	machine    benchmarks.MachineInfo
	fileSystem string
	fsync      benchmarks.FsyncResult

	journal     *benchmarks.JournalResult
	actors      []benchmarks.ActorsResult
	comparisons []*comparison
	latency     *LatencyResult
	latencyRate int

	sections
	scale float64 // of what is held against limits, 0: nothing is
}

// newSuite measures what every figure is shown with: the disk.
func newSuite(ctx context.Context, start StartNode, dir string, p *console.Progress, brief time.Duration) (*suite, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &suite{start: start, dir: dir, progress: p, machine: benchmarks.Machine()}
	if s.fileSystem, err = benchmarks.FileSystem(dir); err != nil {
		return nil, err
	}
	d := shorter(time.Second, brief)
	err = s.step("fsync", d, func() (err error) {
		s.fsync, err = benchmarks.FsyncLatency(ctx, dir, d)
		return err
	})
	return s, err
}

// step runs one measurement and shows that it does.
func (s *suite) step(name string, expected time.Duration, f func() error) error {
	done := s.progress.Step(name, expected)
	defer done()
	debug.FreeOSMemory() // nobody pays for what the step before has left
	benchmarks.Settle()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// measureJournal measures durable writes to a bare Pebble database.
func (s *suite) measureJournal(ctx context.Context, brief time.Duration) error {
	cfg := benchmarks.JournalConfig{Warmup: shorter(time.Second/2, brief), Duration: shorter(2*time.Second, brief)}
	return s.step("bare Pebble, synced batches", cfg.Warmup+cfg.Duration, func() error {
		r, err := benchmarks.JournalWrites(ctx, s.dir, cfg)
		s.journal = &r
		return err
	})
}

func (s *suite) measureActors(ctx context.Context, cfg GrainsConfig) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	r, err := s.bare(ctx, cfg)
	s.actors = append(s.actors, r)
	return err
}

func (s *suite) measureGrains(ctx context.Context, cfg GrainsConfig) error {
	c, err := s.compare(ctx, cfg)
	if err == nil {
		s.comparisons = append(s.comparisons, c)
	}
	return err
}

func (s *suite) measureLatency(ctx context.Context, cfg LatencyConfig) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	return s.step(fmt.Sprintf("HTTP calls, %d/s", cfg.Rate), cfg.Warmup+cfg.Duration+time.Second, func() error {
		r, err := Latency(ctx, s.start, s.dir, cfg)
		s.latency, s.latencyRate = &r, cfg.Rate
		return err
	})
}

// warnings say why the figures may mislead.
func (s *suite) warnings() (out []string) {
	if benchmarks.InMemory(s.fileSystem) {
		out = append(out, fmt.Sprintf("%s is on %s, in memory: nothing there is durable, and no figure says anything about a disk; choose another directory with --data",
			s.dir, s.fileSystem))
	}
	if s.scale > 0 && s.scale < 1 {
		out = append(out, fmt.Sprintf("floors and aims are for scale 1, not for %g: none counts", s.scale))
	}
	for _, c := range s.comparisons {
		if n := c.noise(); n > noisy {
			out = append(out, fmt.Sprintf("with %s addresses, bare actors before and after the grains differ by %.0f %%: the machine is not at rest",
				console.Count(c.cfg.Addresses), n*100))
		}
		if used := c.coresUsed(); used > 0 && used < 0.8*float64(s.machine.Cores) {
			out = append(out, fmt.Sprintf("with %s addresses, only %.1f of %d cores were to be had: others are at work on this machine",
				console.Count(c.cfg.Addresses), used, s.machine.Cores))
		}
	}
	for _, found := range s.all() {
		out = append(out, found.warnings()...)
	}
	if s.latency != nil && s.latency.CallsPerSecond < 0.95*float64(s.latencyRate) {
		out = append(out, fmt.Sprintf("only %.0f of %d calls/s were answered: the node, or the client beside it, could not keep up",
			s.latency.CallsPerSecond, s.latencyRate))
	}
	return out
}

// shorter is d, or brief if that is set and shorter.
func shorter(d, brief time.Duration) time.Duration {
	if brief > 0 {
		return min(d, brief)
	}
	return d
}
