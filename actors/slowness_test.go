package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// waits measures, in fake time, how long calls to other addresses wait for the
// one worker while one address has a backlog.
func waits(n *node, others int) time.Duration {
	n.t.Helper()
	began := time.Now()
	for i := range others {
		n.call(fmt.Sprint("other", i%100), text("now"))
	}
	return time.Since(began)
}

// sleepy takes its time at the address "slow".
func sleepy(d func() time.Duration) *functions.Function {
	return one(nil, func(ctx functions.Context, s string) error {
		if ctx.Self().ID == "slow" {
			time.Sleep(d()) //nolint:forbidigo // fake time
		}
		if _, ok := ctx.Caller(); ok {
			ctx.Reply(text(s))
		}
		return nil
	})
}

// One address that is slow each time, of a type that says nothing of it, costs
// its neighbours a few runs, however long its backlog.
func TestASlowAddressCostsItsNeighboursLittle(t *testing.T) {
	for _, d := range []time.Duration{20 * time.Millisecond, 35 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(d.String(), func(t *testing.T) {
			fn := sleepy(func() time.Duration { return d })
			within(t, Options{Functions: []*functions.Function{fn}, Workers: 1}, func(n *node) {
				const backlog = 2000
				for range backlog {
					n.send("slow", text("x"))
				}
				lost := waits(n, 5000)
				if most := 10 * 20 * time.Millisecond; lost > most {
					n.t.Errorf("5000 calls waited %v, of a backlog that takes %v; at most %v is fine", lost, backlog*d, most)
				}
				if n.functions[testType].slowUntil.Load() != 0 {
					n.t.Error("all of its type is on the pool")
				}
				pass(backlog * d)
				if got := n.Metrics().Functions[testType].In; got != backlog+5000 {
					n.t.Errorf("%d messages were handled", got)
				}
			})
		})
	}
}

// An address that is fast again gets its worker back; when it is slow again, it
// is found as soon.
func TestAnAddressThatIsFastAgain(t *testing.T) {
	var d atomic.Int64
	d.Store(int64(20 * time.Millisecond))
	fn := sleepy(func() time.Duration { return time.Duration(d.Load()) })
	within(t, Options{Functions: []*functions.Function{fn}, Workers: 1}, func(n *node) {
		isAlone := func() bool {
			answer := make(chan bool, 1)
			n.workers[0].post(func(w *worker) { answer <- w.grain(at("slow")).slowness.isAlone() })
			return <-answer
		}
		need := runsOfFast
		for range 3 {
			for range 10 {
				n.call("slow", text("x"))
			}
			if !isAlone() {
				n.t.Fatal("it was not found slow")
			}
			d.Store(0)
			for range need - 1 {
				n.call("slow", text("x"))
			}
			if !isAlone() {
				n.t.Fatal("it has got its worker back too soon")
			}
			n.call("slow", text("x"))
			if isAlone() {
				n.t.Fatalf("it has not got its worker back after %d fast runs", need)
			}
			need *= 2
			d.Store(int64(20 * time.Millisecond))
		}
	})
}

// A stuck blocking function costs nobody anything, whatever waits for it.
func TestAStuckAddressCostsItsNeighboursNothing(t *testing.T) {
	release := make(chan struct{})
	fn := one(nil, func(ctx functions.Context, s string) error {
		if ctx.Self().ID == "stuck" && s == "hang" {
			<-release
		}
		if _, ok := ctx.Caller(); ok {
			ctx.Reply(text(s))
		}
		return nil
	})
	fn.Blocking, fn.Deadline = true, time.Hour
	within(t, Options{Functions: []*functions.Function{fn}, Workers: 1}, func(n *node) {
		release = make(chan struct{}) // of the bubble
		n.send("stuck", text("hang"))
		const backlog = 20_000
		for range backlog {
			n.send("stuck", text("x"))
		}
		if lost := waits(n, 1000); lost > 0 {
			n.t.Errorf("1000 calls waited %v", lost)
		}
		if held := n.Metrics().Held; held > 2*windowMessages {
			n.t.Errorf("%d messages are in memory", held)
		}
		close(release)
		pass(time.Second)
		if got := n.Metrics().Functions[testType].In; got != backlog+1001 {
			n.t.Errorf("%d messages were handled", got)
		}
	})
}

// Many slow addresses of one type, each seldom invoked, are the type's doing.
func TestManySlowAddressesAreASlowType(t *testing.T) {
	fn := one(nil, func(functions.Context, string) error {
		time.Sleep(300 * time.Millisecond) //nolint:forbidigo // fake time
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, Workers: 1}, func(n *node) {
		for i := range 100 {
			n.send(fmt.Sprint(i), text("x"))
		}
		pass(3 * time.Second)
		if got := n.Metrics().Functions[testType].In; got != 100 {
			n.t.Errorf("only %d of 100 were handled in 3 s", got)
		}
		synctest.Wait()
	})
}

// A hot address that is fast, and that the operating system interrupts now and
// then, is not taken for a slow one.
func TestSlownessOfAHotAddress(t *testing.T) {
	t.Parallel()
	var s slowness
	for i := range 1_000_000 {
		switch {
		case i%2000 < 2: // two runs in a row were interrupted
			s.mark()
		case s.marks != 0:
			s.passed()
		}
		if s.isAlone() {
			t.Fatalf("found slow at run %d", i)
		}
	}
	for i := range 200 { // a run in twenty takes some milliseconds
		if i%20 != 0 && s.marks != 0 {
			s.passed()
		} else if i%20 == 0 && s.mark() {
			return
		}
	}
	if !s.isAlone() {
		t.Error("one run in twenty is slow, and it is not found")
	}
}
