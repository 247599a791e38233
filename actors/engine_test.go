package actors

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

var count = functions.Value("count", functions.Int64)

func counter() *functions.Function {
	return &functions.Function{
		Type: "test/counter", States: []functions.State{count},
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			now := count.Update(ctx, func(v int64) int64 { return v + n })
			if _, ok := ctx.Caller(); ok {
				ctx.Reply(functions.Int64.Of(now))
			}
			return nil
		})},
	}
}

func open(t testing.TB, env *environment.Environment, o Options) *Engine {
	t.Helper()
	o.Environment = env
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	if o.Journal.Dir == "" {
		o.Journal.Dir = "/data"
	}
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCallCountsAndSurvivesARestart(t *testing.T) {
	env := environment.Real()
	env.FS = vfs.NewMem()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for round := range 3 {
		e := open(t, env, Options{Functions: []*functions.Function{counter()}})
		for i := range 10 {
			a, err := e.Call(ctx, functions.Address{Type: "test/counter", ID: "x"}, functions.Int64.Of(1))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := functions.Int64.Decode(a.Message.Value)
			if want := int64(round*10 + i + 1); got != want {
				t.Fatalf("round %d call %d: count %d, want %d", round, i, got, want)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkChains(b *testing.B) {
	for _, addresses := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("addresses=%d", addresses), func(b *testing.B) { benchChains(b, addresses) })
	}
}

const inFlight = 4096

func benchChains(b *testing.B, addresses int) {
	env := environment.Real()
	ids := make([]string, addresses)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	done := make(chan struct{}, 1<<16)
	var seen = functions.Value("seen", functions.Int64)
	hop := &functions.Function{Type: "bench/hop", States: []functions.State{seen}}
	payload := functions.NewType("bench/payload", func(v []byte) ([]byte, error) { return v, nil }, func(v []byte) ([]byte, error) { return v, nil })
	var rng = env.Random
	hop.Handlers = []functions.Handler{functions.On(payload, func(ctx functions.Context, v []byte) error {
		n, _ := seen.Get(ctx)
		seen.Set(ctx, n+1)
		if v[0] == 0 {
			done <- struct{}{}
			return nil
		}
		next := make([]byte, len(v))
		copy(next, v)
		next[0]--
		ctx.Send(functions.Address{Type: "bench/hop", ID: ids[rng.Uint64()%uint64(addresses)]}, payload.Of(next))
		return nil
	})}
	e := open(b, env, Options{Functions: []*functions.Function{hop}, Journal: persistence.Options{Dir: b.TempDir()}})
	start := func() {
		v := make([]byte, 64)
		v[0] = 3
		tx := &persistence.Transaction{Sends: []*persistence.Message{{Target: functions.Address{Type: "bench/hop", ID: ids[rng.Uint64()%uint64(addresses)]}, Type: "bench/payload", Value: v}}}
		if err := e.appendOutside(context.Background(), tx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range inFlight {
		start()
	}
	began := time.Now()
	for range b.N {
		<-done
		start()
	}
	b.ReportMetric(float64(b.N)*4/time.Since(began).Seconds(), "msgs/s")
	b.StopTimer()
	b.Logf("%+v", e.Metrics().Journal)
	for range inFlight {
		<-done
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}
