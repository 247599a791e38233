package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// timersConfig says how many delayed messages are sent.
type timersConfig struct {
	timers    int
	addresses int // that set them, each for itself
	payload   int
	profiles  *profiles
}

func defaultTimers() timersConfig {
	return timersConfig{timers: 1_000_000, addresses: 100_000, payload: 64}
}

// TimersReport is delayed messages that are sent, and become due together.
type TimersReport struct {
	Timers         int     `json:"timers"`
	Addresses      int     `json:"addresses"`
	PayloadBytes   int     `json:"payload_bytes"`
	SetPerSecond   float64 `json:"set_per_second"`
	FiredPerSecond float64 `json:"fired_per_second"`
	AllocsPerTimer float64 `json:"allocs_per_timer"`
	// DiskBytesPerTimer is what was written to the log, flushed and compacted.
	DiskBytesPerTimer float64 `json:"disk_bytes_per_timer"`
}

// timersType is the function that sends delayed messages to itself.
const timersType functions.TypeName = "bench/timer"

// numberBytes is how much of a timer's payload is its number.
const numberBytes = 8

// set asks for a delayed message, which comes as due.
var (
	set = functions.NewType("bench/set", payload.Encode, payload.Decode)
	due = functions.NewType("bench/due", payload.Encode, payload.Decode)
)

// timerDelay is far enough away that nothing is due before the clock leaps.
const timerDelay = 24 * time.Hour

// timers has delayed messages set, one for each message from outside, and counts
// those that come.
type timers struct {
	*flow // of setting them

	cfg   timersConfig
	ids   []string
	count *functions.ValueState[int64]

	seen  []atomic.Bool // by number
	twice atomic.Int64  // came again
	fired atomic.Int64
	first atomic.Int64 // when that was, in nanoseconds since 1970
	all   chan struct{}
}

func newTimers(cfg timersConfig) *timers {
	t := &timers{
		cfg: cfg, ids: make([]string, cfg.addresses), count: functions.Value("fired", functions.Int64),
		seen: make([]atomic.Bool, cfg.timers), all: make(chan struct{}),
	}
	t.flow = newFlow(int64(defaultInFlight(cfg.addresses)), int64(cfg.timers), t.batch)
	for i := range t.ids {
		t.ids[i] = strconv.Itoa(i)
	}
	return t
}

func (t *timers) function() functions.Function {
	return functions.Function{
		Type: timersType, States: []functions.State{t.count},
		Handlers: []functions.Handler{functions.On(set, t.set), functions.On(due, t.fire)},
	}
}

func (t *timers) batch(first int64, n int) []actors.Outgoing {
	out := make([]actors.Outgoing, n)
	size := t.cfg.payload
	bytes := make([]byte, n*size)
	for i := range out {
		b := bytes[i*size : (i+1)*size : (i+1)*size]
		binary.BigEndian.PutUint64(b, uint64(first)+uint64(i)) //nolint:gosec // not negative
		to := functions.Address{Type: timersType, ID: t.ids[rand.IntN(len(t.ids))]}
		out[i] = actors.Outgoing{To: to, Message: set.Of(b)}
	}
	return out
}

func (t *timers) set(ctx functions.Context, in []byte) error {
	ctx.SendAfter(timerDelay, ctx.Self(), due.Of(in))
	t.end()
	return nil
}

func (t *timers) fire(ctx functions.Context, in []byte) error {
	t.count.Update(ctx, func(n int64) int64 { return n + 1 })
	if t.seen[binary.BigEndian.Uint64(in)].Swap(true) {
		t.twice.Add(1)
		return nil
	}
	switch t.fired.Add(1) {
	case 1:
		t.first.Store(time.Now().UnixNano())
	case int64(len(t.seen)):
		close(t.all)
	}
	return nil
}

// measureTimers has all timers set, then the clock leaps to where all are due. That
// keeps one from having to wait for it, and the measurement from depending on when
// they were set.
func (s *suite) measureTimers(ctx context.Context, cfg timersConfig) error {
	r := &TimersReport{Timers: cfg.timers, Addresses: cfg.addresses, PayloadBytes: cfg.payload}
	t, clock := newTimers(cfg), newLeapingClock()
	err := s.step(fmt.Sprintf("%d timers", cfg.timers), time.Duration(cfg.timers)*10*time.Microsecond, func() error {
		return withNode(ctx, s.start, s.dir, NodeConfig{HTTP: "off", Clock: clock}, func(n Node) error {
			return r.measure(ctx, n.Engine(), t, clock)
		}, t.function())
	})
	s.Timers = r
	return err
}

func (r *TimersReport) measure(ctx context.Context, e *actors.Engine, t *timers, clock *leapingClock) error {
	end, err := t.cfg.profiles.cover()
	if err != nil {
		return err
	}
	before := takeSnapshot(e)
	set, err := t.runTotal(ctx, e)
	if err != nil {
		return errors.Join(err, end())
	}
	if n := t.fired.Load(); n > 0 {
		return errors.Join(fmt.Errorf("%d timers fired a day early", n), end())
	}
	clock.leap(timerDelay + time.Hour)
	fired, err := t.await(ctx, e)
	used := takeSnapshot(e).since(before, int64(r.Timers))
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	r.SetPerSecond = float64(r.Timers) / set.Seconds()
	r.FiredPerSecond = float64(r.Timers) / fired.Seconds()
	r.AllocsPerTimer, r.DiskBytesPerTimer = used.AllocsPerMessage, used.DiskBytesPerMessage
	return t.verify(ctx, e)
}

// await returns how long it took from the first to the last.
func (t *timers) await(ctx context.Context, e *actors.Engine) (time.Duration, error) {
	select {
	case <-t.all:
		return time.Since(time.Unix(0, t.first.Load())), nil
	case err := <-e.Failed():
		return 0, err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// verify checks that every timer fired once, by what the function saw and by what is
// durable.
func (t *timers) verify(ctx context.Context, e *actors.Engine) error {
	if err := e.Idle(ctx); err != nil {
		return err
	}
	if n := t.twice.Load(); n > 0 {
		return fmt.Errorf("%d timers fired twice", n)
	}
	counted, err := sumOf(e, timersType, t.ids)
	if err == nil && counted != int64(t.cfg.timers) {
		err = fmt.Errorf("the addresses counted %d timers of %d that were set", counted, t.cfg.timers)
	}
	return err
}

func (r *TimersReport) print(c *console.Console) {
	c.Printf("Delayed messages: %s over %s addresses, %d bytes, durable\n", console.Count(r.Timers), console.Count(r.Addresses), r.PayloadBytes)
	t := c.Table().Right(2)
	t.Row("set/s, one for each message from outside", console.Count(r.SetPerSecond))
	t.Row("fired/s, all due at once", console.Count(r.FiredPerSecond))
	t.Row("allocations/timer", fmt.Sprintf("%.1f", r.AllocsPerTimer))
	t.Row("written to disk/timer", fmt.Sprintf("%.0f bytes", r.DiskBytesPerTimer))
	t.Print()
}

func (*TimersReport) warnings() []string { return nil }

func (o *options) timers() *cobra.Command {
	cfg := defaultTimers()
	cmd := &cobra.Command{
		Use:   "timers",
		Short: "Measure delayed messages: setting them, and firing them",
		Long: `Measures delayed messages that addresses send to themselves, one for each message
from outside. When all are set and durable, the node's clock is put forward to where
all of them are due. In the end each must have come once.

--warmup and --duration do nothing here.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&cfg.timers, "timers", cfg.timers, "`number` of delayed messages")
	f.IntVar(&cfg.addresses, "addresses", cfg.addresses, "`number` of addresses")
	f.IntVar(&cfg.payload, "payload", cfg.payload, "size of a message in `bytes`")
	check := func(o *options) error {
		cfg.profiles = o.profiles
		return errors.Join(
			inRange("--timers", cfg.timers, 2, maxScript),
			inRange("--addresses", cfg.addresses, 1, maxScript),
			inRange("--payload", cfg.payload, numberBytes, 1<<20),
		)
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureTimers(ctx, cfg) })
	return cmd
}
