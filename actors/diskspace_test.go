package actors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// onSmallDisk runs a test on a node whose disk has so many bytes, in fake time.
func onSmallDisk(t *testing.T, capacity int64, o Options, test func(n *node, d *environment.SmallDisk)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, err := environment.NewSmallDisk(vfs.NewMem(), "/", capacity)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{t: t, env: environment.Memory(), o: o}
		n.env.FS = d
		n.Engine = open(t, n.env, o)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(n, d)
	})
}

var blob = functions.Value("blob", functions.Bytes("test/blob"))

// keeper keeps what it gets, and replies with it.
func keeper() *functions.Function {
	return &functions.Function{Type: testType, States: []functions.State{blob}, Handlers: []functions.Handler{
		functions.On(functions.Bytes("test/blob"), func(ctx functions.Context, b []byte) error {
			if len(b) > 0 {
				blob.Set(ctx, b)
			}
			if _, ok := ctx.Caller(); ok {
				ctx.Reply(functions.Bytes("test/blob").Of(blob.GetOr(ctx, nil)))
			}
			return nil
		}),
	}}
}

// noise is bytes that do not compress.
func noise(n, size int) functions.Message {
	b := make([]byte, size)
	state := uint64(n)*0x9E3779B97F4A7C15 + 1
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return functions.Message{Type: "test/blob", Value: b}
}

// With less than half of the reserve functions pause, timers among them. When
// there is room it goes on in order, and nothing is lost or done twice.
func TestFunctionsPauseWhileSpaceIsScarce(t *testing.T) {
	const capacity = 64 << 20
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%t", restart), func(t *testing.T) {
			var ran atomic.Int64
			o := Options{Functions: []*functions.Function{delayer(&ran)}, Workers: 1, Journal: persistence.Options{LogBytes: 1 << 20, DiskReserve: 8 << 20}}
			onSmallDisk(t, capacity, o, func(n *node, d *environment.SmallDisk) {
				n.send("x", text("begin"))
				synctest.Wait()
				reserve := n.Journal().Space().Reserve
				d.SetOthers(d.Free() - reserve*3/8)
				pass(time.Minute)
				if s := n.Journal().Space(); s.Level != persistence.SpaceScarce || n.Metrics().Journal.Space != s {
					n.t.Errorf("the space is %+v", s)
				}
				if restart {
					n.restart()
					pass(time.Minute)
				}
				if got := list(n, "x"); len(got) > 0 || ran.Load() != 1 {
					n.t.Errorf("done meanwhile: %q, in %d runs", got, ran.Load())
				}
				if err := n.Send(n.t.Context(), at("x"), text("more")); !errors.Is(err, ErrDiskFull) {
					n.t.Errorf("accepted: %v", err)
				}
				if err := n.Drop(n.t.Context(), at("x"), 1); !errors.Is(err, ErrNotQuarantined) {
					n.t.Error(err)
				}
				d.SetOthers(0)
				pass(time.Second)
				n.send("x", text("more"))
				pass(time.Second)
				if got := list(n, "x"); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "more"}) {
					n.t.Errorf("got %q", got)
				}
			})
		})
	}
}

// delayer logs what it gets, and what it sends itself when it begins.
func delayer(ran *atomic.Int64) *functions.Function {
	log := functions.List("log", functions.String)
	return one([]functions.State{log}, func(ctx functions.Context, s string) error {
		ran.Add(1)
		if s == "begin" {
			for i := range 5 {
				ctx.SendAfter(time.Second, ctx.Self(), text(fmt.Sprint(i)))
			}
			return nil
		}
		log.Append(ctx, s)
		return nil
	})
}

// list is the log of an address, as it is durable.
func list(n *node, id string) (out []string) {
	n.t.Helper()
	_, err := n.StateEntries(at(id), "log", func(e StateEntry) bool {
		s, err := functions.String.Decode(e.Value)
		if err != nil {
			n.t.Error(err)
		}
		out = append(out, s)
		return true
	})
	if err != nil && !errors.Is(err, ErrNoState) {
		n.t.Error(err)
	}
	return out
}

// A disk that fills up never gets full: ingresses refuse before, and functions
// end what is in the node. With room again, it goes on by itself; a restart in
// between changes nothing.
func TestADiskThatFillsUp(t *testing.T) {
	// Ten times the bound of the log, or more: the reserve is that bound then.
	const capacity, size = 64 << 20, 12 << 10
	o := Options{Functions: []*functions.Function{keeper()}, Workers: 2, Journal: persistence.Options{LogBytes: 4 << 20}}
	onSmallDisk(t, capacity, o, func(n *node, d *environment.SmallDisk) {
		reserve := n.Journal().Space().Reserve
		if reserve != o.Journal.LogBytes {
			n.t.Fatalf("a reserve of %d bytes", reserve)
		}
		kept := 0
		fillUp := func() {
			for {
				err := n.Send(n.t.Context(), at(fmt.Sprint(kept)), noise(kept, size))
				if errors.Is(err, ErrDiskFull) && errors.Is(err, ErrOverloaded) {
					return
				}
				if err != nil {
					n.t.Fatalf("after %d: %v", kept, err)
				}
				kept++
			}
		}
		check := func() {
			n.t.Helper()
			pass(time.Minute) // for compactions, too
			if err := reason(n.Engine); err != nil {
				n.t.Fatal(err)
			}
			for i := range kept {
				s, err := n.State(at(fmt.Sprint(i)))
				if err != nil || len(s) != 1 || !bytes.Equal(s[0].Value, noise(i, size).Value) {
					n.t.Fatalf("%d of %d is not what was sent: %v", i, kept, err)
				}
			}
		}
		rounds := 50
		if testing.Short() {
			rounds = 10
		}
		for range rounds { // flushes and compactions make some room again, less and less
			fillUp()
			pass(time.Minute)
		}
		check()
		if kept < capacity/4/size { // how much compactions need at the worst moment varies
			n.t.Errorf("only %d of %d bytes are used", kept*size, capacity)
		}
		n.restart()
		check()
		was := kept
		d.SetOthers(-capacity) // the disk has grown
		pass(2 * time.Minute)  // a compaction that has failed is tried again
		fillUp()
		if kept == was {
			n.t.Error("nothing more is accepted, with more room")
		}
		check()
	})
}

// Messages that wait for their functions have the room for what these make of them:
// ingresses refuse more while the disk still has it.
func TestWaitingMessagesHaveRoom(t *testing.T) {
	const capacity, size = 96 << 20, 12 << 10
	slow := &slowStates{Tables: tables.NewMemory(false)}
	o := Options{Functions: []*functions.Function{keeper()}, Journal: persistence.Options{LogBytes: 64 << 20, Tables: slow}}
	onSmallDisk(t, capacity, o, func(n *node, _ *environment.SmallDisk) {
		sent := 0
		send := func() error { return n.Send(n.t.Context(), at(fmt.Sprint(sent)), noise(sent, size)) }
		var err error
		for ; err == nil && sent*size < capacity; sent++ {
			err = send()
		}
		if !errors.Is(err, ErrDiskFull) || sent*size < capacity/8 || sent*size > capacity/2 {
			n.t.Errorf("%d bytes are accepted: %v", sent*size, err)
		}
		if s := n.Journal().Space(); s.Level != persistence.SpaceAmple {
			n.t.Errorf("space is %v", s.Level)
		}
		slow.quick.Store(true)
		pass(time.Minute)
		if err := send(); err != nil {
			n.t.Errorf("once nothing waits: %v", err)
		}
	})
}

// A message that the disk has no room for is refused alone.
func TestALargeMessageNeedsRoom(t *testing.T) {
	o := Options{Functions: []*functions.Function{keeper()}, Journal: persistence.Options{LogBytes: 4 << 20}}
	onSmallDisk(t, 32<<20, o, func(n *node, d *environment.SmallDisk) {
		if err := n.Send(n.t.Context(), at("x"), noise(1, 20<<20)); !errors.Is(err, ErrDiskFull) {
			n.t.Errorf("20 MiB on a disk of 32: %v", err)
		}
		n.send("x", noise(2, 2<<20))
		d.SetOthers(-64 << 20)
		pass(time.Second)
		n.send("y", noise(1, 20<<20))
		pass(time.Minute) // Pebble takes its time to remove what a compaction has replaced
		if s, err := n.State(at("y")); err != nil || len(s) != 1 || s[0].Size != 20<<20 {
			n.t.Errorf("got %d states, %v", len(s), err)
		}
	})
}

// If others take all of the disk at once, the node stops with the reason, does
// not start before there is room, and then has all that it acknowledged.
func TestADiskThatOthersFill(t *testing.T) {
	o := Options{Functions: []*functions.Function{keeper()}, Journal: persistence.Options{LogBytes: 1 << 20}}
	onSmallDisk(t, 16<<20, o, func(n *node, d *environment.SmallDisk) {
		rounds, kept, stopped := 40, 0, 0
		if testing.Short() {
			rounds = 10
		}
		for round := range rounds {
			d.SetOthers(0)
			pass(time.Second)
			var err error
			for i := 0; err == nil && i < round*7+300; i++ {
				if i == round*7 {
					d.SetOthers(d.Free())
				}
				if err = n.Send(n.t.Context(), at(fmt.Sprint(kept)), noise(kept, 1<<10)); err == nil {
					kept++
				}
			}
			why := reason(n.Engine)
			if why == nil {
				if err != nil && !errors.Is(err, ErrDiskFull) {
					n.t.Fatalf("round %d: %v, but the node goes on", round, err)
				}
				continue // it has looked in time, or made room in time
			}
			stopped++
			if !errors.Is(why, syscall.ENOSPC) {
				n.t.Errorf("it stopped because of %v", why)
			}
			if err := n.Close(); !errors.Is(err, syscall.ENOSPC) {
				n.t.Errorf("closes with %v", err)
			}
			if e, err := Open(n.withEnvironment()); err == nil { // it needs little: perhaps it starts
				err = errors.Join(e.Start(), e.Close())
				if err != nil && !errors.Is(err, syscall.ENOSPC) {
					n.t.Errorf("a start on the full disk: %v", err)
				}
			} else if !errors.Is(err, syscall.ENOSPC) {
				n.t.Errorf("a start on the full disk: %v", err)
			}
			d.SetOthers(0)
			n.Engine = open(n.t, n.env, n.o)
		}
		if stopped < rounds/4 {
			n.t.Errorf("only %d of %d rounds have stopped the node", stopped, rounds)
		}
		d.SetOthers(0)
		pass(time.Minute)
		for i := range kept {
			s, err := n.State(at(fmt.Sprint(i)))
			if err != nil || len(s) != 1 || !bytes.Equal(s[0].Value, noise(i, 1<<10).Value) {
				n.t.Fatalf("%d of %d is not what was sent: %v", i, kept, err)
			}
		}
	})
}

func (n *node) withEnvironment() Options {
	o := n.o
	o.Environment, o.Journal.Dir = n.env, "/data"
	return o
}

// Without a reserve nobody looks.
func TestNoReserve(t *testing.T) {
	o := Options{Functions: []*functions.Function{keeper()}, Journal: persistence.Options{LogBytes: 4 << 20, DiskReserve: -1}}
	onSmallDisk(t, 4<<20, o, func(n *node, d *environment.SmallDisk) {
		d.SetOthers(d.Free() - 64<<10)
		pass(time.Second)
		n.send("x", noise(1, 1<<10))
		if s := n.Journal().Space(); s != (persistence.Space{}) {
			n.t.Errorf("the space is %+v", s)
		}
		d.SetOthers(0)
	})
}
