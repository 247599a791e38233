//go:build unix

package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// BenchmarkOneSlowAddress measures chains over 1,000 addresses while one more
// address gets 40,000 messages a second: one that is as fast as they are, one
// whose function is stuck, and one that takes 20 ms each time and does not say
// so. The figure of the first divides those of the others. On a machine that
// does other things too, messages per second of processor time say more; that
// the worker does not wait either is what TestASlowAddressCostsItsNeighboursLittle
// is for.
func BenchmarkOneSlowAddress(b *testing.B) {
	for _, kind := range []string{"fast", "stuck", "slow"} {
		b.Run(kind, func(b *testing.B) { benchOneSlow(b, kind) })
	}
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchOneSlow(b *testing.B, kind string) {
	const addresses, perTick, tick = 1000, 80, 2 * time.Millisecond
	var seen = functions.Value("seen", functions.Int64)
	payload := functions.Bytes("bench/payload")
	done, release := make(chan struct{}, 1<<16), make(chan struct{})
	env := environment.Real()
	target := func() functions.Address {
		return functions.TypeName("bench/hop").At(fmt.Sprint(env.Random.Uint64() % addresses))
	}
	hop := &functions.Function{Type: "bench/hop", States: []functions.State{seen}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, v []byte) error {
			n, _ := seen.Get(ctx)
			seen.Set(ctx, n+1)
			switch {
			case ctx.Self().ID == "one":
				if kind == "slow" {
					time.Sleep(20 * time.Millisecond) //nolint:forbidigo // it is what is measured
				}
			case v[0] == 0:
				done <- struct{}{}
			default:
				next := append([]byte(nil), v...)
				next[0]--
				ctx.Send(target(), payload.Of(next))
			}
			return nil
		}),
	}}
	stuck := &functions.Function{Type: "bench/stuck", Blocking: true, Deadline: time.Hour, Handlers: []functions.Handler{
		functions.On(payload, func(functions.Context, []byte) error {
			<-release
			return nil
		}),
	}}
	one := hop.Type.At("one")
	if kind == "stuck" {
		one = stuck.Type.At("one")
	}
	e := open(b, env, Options{Functions: []*functions.Function{hop, stuck}, Journal: persistence.Options{Dir: b.TempDir()}})
	send := func(to functions.Address, hops byte, n int) {
		tx := &persistence.Transaction{}
		for range n {
			v := make([]byte, 64)
			v[0] = hops
			tx.Sends = append(tx.Sends, &persistence.Message{Target: to, Type: "bench/payload", Value: v})
		}
		if err := e.appendOutside(context.Background(), tx); err != nil && !errors.Is(err, persistence.ErrStopped) {
			b.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	var flood sync.WaitGroup
	sent := 0
	for ; sent < 100_000; sent += 500 {
		send(one, 0, 500)
	}
	flood.Go(func() {
		for t := time.NewTicker(tick); ctx.Err() == nil; sent += perTick {
			<-t.C
			send(one, 0, perTick)
		}
	})
	for range inFlight {
		send(target(), 3, 1)
	}
	for range 100_000 { // until it is warm, and a slow address is known
		<-done
		send(target(), 3, 1)
	}
	b.ResetTimer()
	began, cpu := time.Now(), processorTime()
	for range b.N {
		<-done
		send(target(), 3, 1)
	}
	b.ReportMetric(float64(b.N)*4/time.Since(began).Seconds(), "msgs/s")
	b.ReportMetric(float64(b.N)*4/(processorTime()-cpu).Seconds(), "msgs/cpu-s")
	b.StopTimer()
	cancel()
	flood.Wait()
	b.ReportMetric(float64(sent), "backlog")
	for range inFlight {
		<-done
	}
	close(release)
	_ = e.Abort() // the backlog is not of interest
}
