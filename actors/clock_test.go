package actors

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// wallClock is a clock that somebody sets: it tells the wrong time, but what is
// to happen after a while does so after that while.
type wallClock struct {
	environment.Clock
	offset atomic.Int64
}

func (c *wallClock) Now() time.Time {
	return c.Clock.Now().Round(0).Add(time.Duration(c.offset.Load())) // Round: it has no other reading
}

// leap sets the clock forward, or back.
func (c *wallClock) leap(d time.Duration) { c.offset.Add(int64(d)) }

// withClock runs a test on a node whose clock it sets.
func withClock(t *testing.T, o Options, test func(n *node, c *wallClock)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{t: t, env: environment.Memory(), o: o}
		c := &wallClock{Clock: n.env.Clock}
		n.env.Clock = c
		n.Engine = open(t, n.env, o)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(n, c)
	})
}

// alarms are delayed messages as a test knows them, in milliseconds of the clock.
type alarms struct {
	t     *testing.T
	clock environment.Clock

	mu   sync.Mutex
	next int
	due  map[int]int64 // earliest, of those that are pending
	rang int
}

// set has the function send itself a message after a delay.
func (a *alarms) set(ctx functions.Context, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	a.due[a.next] = a.clock.Now().Add(d).UnixMilli()
	ctx.SendAfter(d, ctx.Self(), text("ring "+strconv.Itoa(a.next)), functions.CancelToken("t"+strconv.Itoa(a.next)))
}

func (a *alarms) ring(number string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := strconv.Atoi(number)
	due, pending := a.due[n]
	now := a.clock.Now().UnixMilli()
	switch {
	case err != nil || !pending:
		a.t.Errorf("alarm %q rings twice, or never was set", number)
	case now < due:
		a.t.Errorf("alarm %d rings %d ms early", n, due-now)
	}
	delete(a.due, n)
	a.rang++
}

// overdue returns the alarms that should have rung.
func (a *alarms) overdue() (out []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now().UnixMilli()
	for n, due := range a.due {
		if due+1 < now {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// However the clock is set, and over restarts: a timer fires once, not before
// its time, and soon after the clock shows it.
func TestTimersOnAClockThatLeaps(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			a := &alarms{t: t, due: map[int]int64{}}
			rng := rand.New(rand.NewPCG(seed, 1))
			fn := one(nil, func(ctx functions.Context, s string) error {
				switch what, arg, _ := strings.Cut(s, " "); what {
				case "set":
					for range 300 { // more than memory holds
						a.set(ctx, time.Duration(rng.Int64N(1<<(5+rng.IntN(33))))*time.Millisecond)
					}
				case "cancel":
					ctx.Cancel("t" + arg)
				case "ring":
					a.ring(arg)
				}
				return nil
			})
			o := Options{Functions: []*functions.Function{fn}, Workers: 1, KeyGroups: 2}
			withClock(t, o, func(n *node, c *wallClock) {
				a.t, a.clock = n.t, c
				for range 40 {
					a.step(n, c, rng)
					if late := a.overdue(); len(late) > 0 {
						n.t.Fatalf("not fired: %v", late)
					}
				}
				c.leap(2000 * 24 * time.Hour) // more than the longest delay
				pass(time.Minute)
				if len(a.due) > 0 {
					n.t.Errorf("lost: %d of %d", len(a.due), a.next)
				}
				if left := n.timersLeft(); left > 0 {
					n.t.Errorf("%d rows of timers are left", left)
				}
				n.restart()
				pass(time.Minute)
				n.t.Logf("%d alarms rang", a.rang)
			})
		})
	}
}

// step is something that happens; then all that is due by then has happened.
func (a *alarms) step(n *node, c *wallClock, rng *rand.Rand) {
	switch id := fmt.Sprint("id", rng.IntN(3)); rng.IntN(6) {
	case 0:
		n.send(id, text("set"))
	case 1:
		c.leap(time.Duration(rng.Int64N(int64(30 * 24 * time.Hour))))
	case 2:
		c.leap(-time.Duration(rng.Int64N(int64(12 * time.Hour))))
	case 3: // one tick of a clock that goes to and fro
		for range 10 {
			c.leap(time.Duration(rng.Int64N(int64(2*time.Second)) - int64(time.Second)))
			pass(time.Duration(rng.IntN(100)) * time.Millisecond)
		}
	case 4:
		if err := n.Close(); err != nil {
			n.t.Fatal(err)
		}
		c.leap(time.Duration(rng.Int64N(int64(48*time.Hour))) - 24*time.Hour)
		n.Engine = open(n.t, n.env, n.o)
	case 5:
		a.cancelOne(n)
	}
	pass(3 * time.Second)
}

// cancelOne cancels an alarm that is pending.
func (a *alarms) cancelOne(n *node) {
	a.mu.Lock()
	number := 0
	for number = range a.due {
		break
	}
	a.mu.Unlock()
	for id := range 3 { // only the one that has set it has the token
		n.send(fmt.Sprint("id", id), text(fmt.Sprint("cancel ", number)))
	}
	synctest.Wait()
	a.mu.Lock()
	delete(a.due, number)
	a.mu.Unlock()
}

func (n *node) timersLeft() int {
	n.t.Helper()
	left := 0
	for g := range n.opts.KeyGroups {
		err := n.Journal().ScanAll(persistence.TimerRange(persistence.KeyGroup(g)), func(persistence.Row) bool {
			left++
			return true
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return left
}

// Delayed messages of equal delay keep their order over a leap.
func TestOrderOfTimersOverALeap(t *testing.T) {
	log := functions.List("log", functions.String)
	fn := one([]functions.State{log}, func(ctx functions.Context, s string) error {
		if s == "set" {
			for i := range 100 {
				ctx.SendAfter(time.Hour, ctx.Self(), text(fmt.Sprint(i)))
			}
			return nil
		}
		log.Append(ctx, s)
		return nil
	})
	withClock(t, Options{Functions: []*functions.Function{fn}}, func(n *node, c *wallClock) {
		n.send("x", text("set"))
		pass(time.Second)
		c.leap(-5 * time.Hour)
		pass(time.Minute)
		c.leap(24 * time.Hour)
		pass(2 * time.Second)
		got := list(n, "x")
		if len(got) != 100 {
			n.t.Fatalf("%d of 100 have fired", len(got))
		}
		for i, s := range got {
			if s != fmt.Sprint(i) {
				n.t.Fatalf("number %d is %q", i, s)
			}
		}
	})
}

// What expires does so by the clock, wherever that goes: it is not there once
// the clock shows its time, it is before, and then it is removed unasked, by one
// nudge at most.
func TestExpirationOnAClockThatLeaps(t *testing.T) {
	long := functions.Value("long", functions.String).ExpireAfterWrite(48 * time.Hour)
	short := functions.Value("short", functions.String).ExpireAfterWrite(time.Hour)
	used := functions.Value("used", functions.String).ExpireAfterInvoke(2 * time.Hour)
	fn := one([]functions.State{long, short, used}, func(ctx functions.Context, s string) error {
		switch s {
		case "long":
			long.Set(ctx, "L")
		case "short":
			short.Set(ctx, "S")
		case "used":
			used.Set(ctx, "U")
		}
		if _, ok := ctx.Caller(); ok {
			ctx.Reply(text(long.GetOr(ctx, "-") + short.GetOr(ctx, "-") + used.GetOr(ctx, "-")))
		}
		return nil
	})
	withClock(t, Options{Functions: []*functions.Function{fn}}, func(n *node, c *wallClock) {
		want := func(want string) {
			n.t.Helper()
			if got := textOf(n.t, n.call("x", text("get"))); got != want {
				n.t.Errorf("got %q, want %q", got, want)
			}
		}
		n.send("x", text("long"))
		for range 20 { // nudges do not pile up
			n.send("x", text("short"))
			n.send("x", text("used"))
			want("LSU")
			c.leap(time.Hour)
			pass(2 * time.Second)
			want("L-U")
			c.leap(-time.Hour)
			pass(2 * time.Second)
			want("L-U")
			if left := n.timersLeft(); left > 3 { // states that expire
				n.t.Fatalf("%d nudges", left)
			}
		}
		n.restart()
		c.leap(-100 * time.Hour)
		pass(2 * time.Second)
		want("L-U")
		c.leap(30 * 24 * time.Hour)
		n.restart()
		pass(2 * time.Second)
		if rows := n.rows("x"); len(rows) > 0 || n.timersLeft() > 0 {
			n.t.Errorf("left: %q, and %d timers", rows, n.timersLeft())
		}
		// Written in a future that is taken back, it still goes.
		c.leap(365 * 24 * time.Hour)
		n.send("x", text("short"))
		synctest.Wait()
		c.leap(-365 * 24 * time.Hour)
		n.send("x", text("short"))
		pass(2 * time.Hour)
		if s, err := n.State(at("x")); err != nil || len(s) > 0 {
			n.t.Errorf("left: %+v, %v", s, err)
		}
		c.leap(400 * 24 * time.Hour)
		pass(2 * time.Second)
		if rows := n.rows("x"); len(rows) > 0 {
			n.t.Errorf("left: %q", rows)
		}
	})
}

// What waits for a while does not look at the clock: back-off, deadline, and the
// pause of a slow function.
func TestPausesOnAClockThatLeaps(t *testing.T) {
	var attempts atomic.Int64
	fn := one(nil, func(ctx functions.Context, s string) error {
		if s == "hang" {
			<-ctx.Done()
			return ctx.Err()
		}
		if attempts.Add(1) < 5 {
			return errors.New("not yet")
		}
		return nil
	})
	fn.Deadline = time.Minute
	withClock(t, Options{Functions: []*functions.Function{fn}, MaxAttempts: 5}, func(n *node, c *wallClock) {
		n.send("x", text("fail"))
		n.send("y", text("hang"))
		for attempts.Load() < 5 {
			c.leap(-time.Hour)
			was := attempts.Load()
			pass(10 * time.Second) // the longest back-off
			if attempts.Load() == was {
				n.t.Fatalf("no attempt after %d within ten seconds", was)
			}
			c.leap(time.Minute)
		}
		if len(n.quarantine()) > 0 {
			n.t.Error("quarantined early")
		}
		pass(6 * time.Minute) // five attempts of a minute
		if q := n.quarantine(); len(q) != 1 || q[0].Address.ID != "y" {
			n.t.Errorf("got %+v", q)
		}
	})
}

func TestASlowFunctionOnAClockThatLeaps(t *testing.T) {
	t.Parallel()
	const day = int64(24 * time.Hour / time.Millisecond)
	f := newFunction(&functions.Function{}, &Options{})
	f.noteSlow(10 * day)
	for now, want := range map[int64]bool{10 * day: true, 10*day + firstPenalty: false, 9 * day: false, 11 * day: false} {
		if got := f.blocking(now); got != want {
			t.Errorf("slow at %d, blocking at %d: %t", 10*day, now, got)
		}
	}
	f = newFunction(&functions.Function{}, &Options{})
	for i := range int64(10 * sluggishRuns) { // one in ten seconds, back in time
		f.noteSluggish(10*day - i*10_000)
	}
	if f.slowUntil.Load() != 0 {
		t.Error("a few sluggish runs on a clock that is set back make a function slow")
	}
}

// An idempotency key counts for its time on the clock, once.
func TestIdempotencyKeysOnAClockThatLeaps(t *testing.T) {
	withClock(t, Options{Functions: []*functions.Function{counter()}, IdempotencyKept: 24 * time.Hour}, func(n *node, c *wallClock) {
		to := functions.Address{Type: "test/counter", ID: "x"}
		want := func(want int64) {
			n.t.Helper()
			a, err := n.CallOnce(n.t.Context(), "key", to, functions.Int64.Of(1))
			if got, _ := functions.Int64.Decode(a.Message.Value); err != nil || got != want {
				n.t.Errorf("got %d, %v, want %d", got, err, want)
			}
		}
		want(1)
		for _, d := range []time.Duration{-10 * time.Hour, 9 * time.Hour, -5 * 24 * time.Hour} {
			c.leap(d)
			pass(2 * time.Second)
			want(1)
			n.restart()
			want(1)
		}
		c.leap(30 * 24 * time.Hour)
		pass(2 * time.Second)
		want(2)
		c.leap(-10 * 24 * time.Hour)
		want(2)
	})
}
