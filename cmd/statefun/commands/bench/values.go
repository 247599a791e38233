package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// valuesConfig says how large the values are.
type valuesConfig struct {
	sizes    []int // a measurement for each
	warmup   time.Duration
	duration time.Duration
	profiles *profiles
}

func defaultValues() valuesConfig { return valuesConfig{sizes: []int{1 << 10, 64 << 10, 1 << 20}} }

// timed is the same with the durations and profiles of the flags.
func (c valuesConfig) timed(o *options) valuesConfig {
	c.warmup, c.duration, c.profiles = cmp.Or(o.warmup, time.Second), cmp.Or(o.duration, 4*time.Second), o.profiles
	return c
}

// ValuesReport is states of some size that are written.
type ValuesReport struct {
	Seconds float64            `json:"seconds"`
	Runs    []ValuesComparison `json:"runs"`
}

// ValuesComparison is a node that stores values, and a bare Pebble database that the
// same values are written to in order, before and after.
type ValuesComparison struct {
	ValueBytes         int     `json:"value_bytes"`
	Addresses          int     `json:"addresses"`
	BytesPerSecond     float64 `json:"bytes_per_second"`
	BareBytesPerSecond float64 `json:"bare_bytes_per_second"`
	BareHalves         halves  `json:"bare_halves"`
	RatioToBare        float64 `json:"ratio_to_bare"`
	DiskBytesPerByte   float64 `json:"disk_bytes_per_value_byte"`
	AllocsPerValue     float64 `json:"allocs_per_value"`
}

// valuesType is the function that stores a value for each message.
const valuesType functions.TypeName = "bench/value"

// Together the values of all addresses have about valuesBytes, and those under way
// valuesInFlight.
const (
	valuesBytes    = 128 << 20
	valuesInFlight = 32 << 20
)

// values has values of one size stored. They are parts of a pool of random bytes, so
// that nothing can compress them and making them costs little.
type values struct {
	*flow

	size  int
	ids   []string
	pool  []byte
	state *functions.ValueState[[]byte]
}

// poolStep is how far apart values begin in the pool, which has poolSteps of them.
const (
	poolStep  = 4 << 10
	poolSteps = 256
)

func newValues(size int) *values {
	v := &values{
		size: size, ids: make([]string, max(1, valuesBytes/size)), pool: make([]byte, poolStep*poolSteps+size),
		state: functions.Value("value", payload),
	}
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(v.pool) // never fails
	inFlight := min(max(valuesInFlight/size, starters()), defaultInFlight(len(v.ids)))
	v.flow = newFlow(int64(inFlight), 0, v.batch)
	for i := range v.ids {
		v.ids[i] = strconv.Itoa(i)
	}
	return v
}

func (v *values) draw() []byte {
	at := poolStep * rand.IntN(poolSteps)
	return v.pool[at : at+v.size : at+v.size]
}

func (v *values) function() functions.Function {
	return functions.Function{Type: valuesType, States: []functions.State{v.state}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, _ []byte) error {
			v.state.Set(ctx, bytes.Clone(v.draw())) // as a function has bytes of its own
			v.end()
			return nil
		}),
	}}
}

func (v *values) batch(_ int64, n int) []actors.Outgoing {
	out, m := make([]actors.Outgoing, n), payload.Of(nil)
	for i := range out {
		out[i] = actors.Outgoing{To: functions.Address{Type: valuesType, ID: v.ids[rand.IntN(len(v.ids))]}, Message: m}
	}
	return out
}

// measureValues runs a bare database, the node and the bare database again, for each
// size.
func (s *suite) measureValues(ctx context.Context, cfg valuesConfig) error {
	r := &ValuesReport{Seconds: cfg.duration.Seconds()}
	for i, size := range cfg.sizes {
		one := cfg
		if i < len(cfg.sizes)-1 {
			one.profiles = nil
		}
		c, err := s.compareValues(ctx, one, newValues(size))
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, c)
	}
	s.Values = r
	return nil
}

func (s *suite) compareValues(ctx context.Context, cfg valuesConfig, v *values) (ValuesComparison, error) {
	c := ValuesComparison{ValueBytes: v.size, Addresses: len(v.ids)}
	size := console.Bytes(v.size)
	bare := func(i int) error {
		return s.step("bare Pebble, values of "+size, cfg.warmup+cfg.duration/2, func() error {
			r, err := benchmarks.ValueWrites(ctx, s.dir, benchmarks.ValuesConfig{
				Value: v.size, Keys: len(v.ids), Draw: v.draw, Warmup: max(cfg.warmup, 1), Duration: max(cfg.duration/2, 1),
			})
			c.BareHalves[i] = r.BytesPerSecond
			return err
		})
	}
	if err := bare(0); err != nil {
		return c, err
	}
	err := s.step("values of "+size, cfg.warmup+cfg.duration+time.Second, func() error {
		return withNode(ctx, s.start, s.dir, NodeConfig{HTTP: "off"}, func(n Node) error {
			u, err := v.measure(ctx, n.Engine(), cfg)
			c.BytesPerSecond = u.MessagesPerSecond * float64(v.size)
			c.DiskBytesPerByte, c.AllocsPerValue = u.DiskBytesPerMessage/float64(v.size), u.AllocsPerMessage
			return cmp.Or(err, v.verify(n.Engine()))
		}, v.function())
	})
	if err == nil {
		err = bare(1)
	}
	c.BareBytesPerSecond = c.BareHalves.mean()
	c.RatioToBare = quotient(c.BytesPerSecond, c.BareBytesPerSecond)
	return c, err
}

func (v *values) measure(ctx context.Context, e *actors.Engine, cfg valuesConfig) (usage, error) {
	return v.measureFor(ctx, e, phase{warmup: cfg.warmup, duration: cfg.duration, profiles: cfg.profiles, count: v.ended.Load})
}

// verify checks that what is durable of every address is a whole value.
func (v *values) verify(e *actors.Engine) error {
	begins := map[string]int{}
	n := min(16, v.size)
	for i := range poolSteps {
		begins[string(v.pool[i*poolStep:i*poolStep+n])] = i * poolStep
	}
	for _, id := range v.ids {
		states, err := e.State(functions.Address{Type: valuesType, ID: id})
		if err != nil {
			return err
		}
		for _, s := range states {
			at, known := begins[string(s.Value[:min(n, len(s.Value))])]
			if !known || !bytes.Equal(s.Value, v.pool[at:at+v.size]) {
				return fmt.Errorf("the state of %s is not a value of %d bytes that was stored", id, v.size)
			}
		}
	}
	return nil
}

func (r *ValuesReport) print(c *console.Console) {
	c.Printf("Values stored by grains, durable: random bytes, %s each\n", seconds(r.Seconds))
	t := newSheet(c, "size", len(r.Runs), func(i int) string { return console.Bytes(r.Runs[i].ValueBytes) })
	row := func(name string, cell func(v *ValuesComparison) string) {
		t.row(name, func(i int) string { return cell(&r.Runs[i]) })
	}
	mib := func(v float64) string { return fmt.Sprintf("%.1f", v/(1<<20)) }
	row("addresses", func(v *ValuesComparison) string { return console.Count(v.Addresses) })
	row("MiB/s", func(v *ValuesComparison) string { return mib(v.BytesPerSecond) })
	row("bare Pebble, in order, MiB/s", func(v *ValuesComparison) string { return mib(v.BareBytesPerSecond) })
	row("  before, after", func(v *ValuesComparison) string { return mib(v.BareHalves[0]) + ", " + mib(v.BareHalves[1]) })
	row("ratio to bare Pebble", func(v *ValuesComparison) string { return fmt.Sprintf("%.2f", v.RatioToBare) })
	row("written to disk/byte of value", func(v *ValuesComparison) string { return fmt.Sprintf("%.2f bytes", v.DiskBytesPerByte) })
	row("allocations/value", func(v *ValuesComparison) string { return fmt.Sprintf("%.1f", v.AllocsPerValue) })
	t.print()
}

func (r *ValuesReport) warnings() (out []string) {
	for i := range r.Runs {
		v := &r.Runs[i]
		out = append(out, v.BareHalves.warnings("values of "+console.Bytes(v.ValueBytes)+": bare Pebble")...)
	}
	return out
}

func (o *options) values() *cobra.Command {
	cfg := defaultValues()
	cmd := &cobra.Command{
		Use:   "values",
		Short: "Measure states of 1 KiB to 1 MiB",
		Long: `Measures random grains that each store a value of some size upon a small message, and
writes the same values to a bare Pebble database before and after: by one writer, in
the order of their keys, in synced batches of 4 MiB. Values are random bytes, so that
nothing can compress them. There are as many grains, and keys, as have 128 MiB of
them. In the end what is durable of every grain must be a value that was stored.

` + exit.Help,
		Args: noArgs,
	}
	cmd.Flags().IntSliceVar(&cfg.sizes, "size", cfg.sizes, "size of a value in `bytes`; several are measured one after the other")
	check := func(o *options) error {
		cfg = cfg.timed(o)
		var errs []error
		for _, n := range cfg.sizes {
			errs = append(errs, inRange("--size", n, 16, 32<<20))
		}
		return errors.Join(errs...)
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureValues(ctx, cfg) })
	return cmd
}
