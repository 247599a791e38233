package actors

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Law 1: a transaction is appended before anything it sends is visible. So in
// every prefix of the journal nobody has received more than was sent.
func TestLaw1EveryPrefixOfTheJournalIsConsistent(t *testing.T) {
	t.Parallel()
	var (
		sent = functions.Value("sent", functions.Int64)
		got  = functions.Value("got", functions.Int64)
	)
	sender := &functions.Function{
		Type: "law/sender", States: []functions.State{sent},
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			sent.Update(ctx, func(v int64) int64 { return v + 1 })
			ctx.Send(functions.Address{Type: "law/receiver", ID: ctx.Self().ID + "-other-worker"}, functions.Int64.Of(n))
			return nil
		})},
	}
	receiver := &functions.Function{
		Type: "law/receiver", States: []functions.State{got},
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, _ int64) error {
			got.Update(ctx, func(v int64) int64 { return v + 1 })
			return nil
		})},
	}
	env := environment.Memory()
	o := Options{
		Functions: []*functions.Function{sender, receiver}, Workers: 4,
		Journal: persistence.Options{BatchBytes: 512, MaterializeEvery: time.Hour},
	}
	e := open(t, env, o)
	var wg sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		wg.Go(func() {
			for n := range int64(300) {
				if err := e.Send(t.Context(), functions.Address{Type: "law/sender", ID: id}, functions.Int64.Of(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Abort(); err != nil { // so that nothing is materialized
		t.Fatal(err)
	}
	records, batches := map[functions.Address]int64{}, 0
	err := persistence.ReadLog(env, o.dir(), func(n persistence.BatchNumber, changed map[functions.Address]persistence.Loaded) error {
		batches++
		for a, l := range changed {
			if len(l.Cells) > 0 {
				records[a], _ = functions.Int64.Decode(l.Cells[0].Value)
			}
		}
		for a, received := range records {
			id, ok := strings.CutSuffix(a.ID, "-other-worker")
			if sender := (functions.Address{Type: "law/sender", ID: id}); ok && received > records[sender] {
				t.Errorf("after batch %d: %s has received %d messages, %s has sent %d", n, a, received, sender, records[sender])
			}
		}
		return nil
	})
	if err != nil || batches < 10 {
		t.Fatalf("%d batches, %v", batches, err)
	}
}

func (o *Options) dir() string { return "/data" }

// gate is a file system on which syncs of the log wait while it is shut.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) MaybeError(op errorfs.Op) error {
	if (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) && strings.Contains(op.Path, "/log/") {
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
	}
	return nil
}

func (*gate) String() string { return "gate" }

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// Law 2: nothing leaves the node before it is durable. While the log does not
// sync, nobody outside sees anything: no acknowledgement, no reply, no egress
// record, no asynchronous work, no state.
func TestLaw2NothingLeavesBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		close(g.open)
		env := environment.Real()
		env.FS = errorfs.Wrap(vfs.NewMem(), g)
		seen := make(chan string, 16)
		work := functions.Async("work", functions.Int64, functions.Int64)
		fn := &functions.Function{
			Type: "law/all", States: []functions.State{count},
			Handlers: []functions.Handler{
				functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
					count.Set(ctx, n)
					ctx.Send(functions.Egress("law/out"), functions.Int64.Of(n))
					work.Start(ctx, n, func(context.Context) (int64, error) {
						seen <- "asynchronous work"
						return 0, nil
					})
					ctx.Reply(functions.Int64.Of(n))
					return nil
				}),
				functions.OnResult(work, func(functions.Context, functions.Result[int64, int64]) error { return nil }),
			},
		}
		e := open(t, env, Options{
			Functions: []*functions.Function{fn},
			Egresses: map[functions.TypeName]Sink{"law/out": HandlerSink(func(context.Context, persistence.EgressRecord) error {
				seen <- "egress"
				return nil
			})},
		})
		self := functions.Address{Type: "law/all", ID: "x"}
		synctest.Wait()
		g.shut()
		go func() {
			if _, err := e.Call(t.Context(), self, functions.Int64.Of(7)); err != nil {
				t.Error(err)
			}
			seen <- "reply"
		}()
		go func() {
			if err := e.Send(t.Context(), functions.Address{Type: "law/all", ID: "y"}, functions.String.Of("no int")); err != nil {
				t.Error(err)
			}
			seen <- "acknowledgement"
		}()
		synctest.Wait()
		early := len(seen)
		for range early {
			t.Errorf("%s before the batch was durable", <-seen)
		}
		if s, err := e.State(self); err != nil || len(s) > 0 {
			t.Errorf("state before the batch was durable: %+v, %v", s, err)
		}
		close(g.open)
		for range 4 - early {
			<-seen
		}
		if s, err := e.State(self); err != nil || len(s) != 1 {
			t.Errorf("state afterwards: %+v, %v", s, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
