package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

func emitter() *functions.Function {
	return one(nil, func(ctx functions.Context, s string) error {
		ctx.Send(functions.Egress("a/b"), text(s))
		return nil
	})
}

// A record is readable a moment before it is released. An egress that reads in
// that moment does not deliver it again when it is released.
func TestARecordThatWasReadIsNotDeliveredAgain(t *testing.T) {
	var delivered []persistence.EgressRecord
	sink := HandlerSink(func(_ context.Context, r persistence.EgressRecord) error {
		delivered = append(delivered, r)
		return nil
	})
	o := Options{Functions: []*functions.Function{emitter()}, Egresses: map[functions.TypeName]Sink{"a/b": sink}}
	within(t, o, func(n *node) {
		n.send("x", text("one"))
		pass(time.Second)
		again := delivered[0]
		n.queues.released([]persistence.EgressRecord{again})
		pass(time.Second)
		n.send("x", text("two"))
		pass(time.Second)
		if len(delivered) != 2 || delivered[1].Sequence <= again.Sequence {
			n.t.Errorf("delivered %+v, expected two records", delivered)
		}
	})
}

// What was delivered while the journal stopped cannot be acknowledged: it comes
// again after a start, and not before.
func TestAnEgressStopsWithItsJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		env := environment.Real()
		env.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && op.Kind == errorfs.OpFileSyncData {
				return errors.New("broken")
			}
			return nil
		}))
		deliveries := 0
		sink := HandlerSink(func(context.Context, persistence.EgressRecord) error {
			deliveries++
			time.Sleep(time.Second) //nolint:forbidigo // fake time
			return nil
		})
		e := open(t, env, Options{Functions: []*functions.Function{emitter()}, Egresses: map[functions.TypeName]Sink{"a/b": sink}})
		if err := e.Send(t.Context(), at("x"), text("one")); err != nil {
			t.Fatal(err)
		}
		pass(500 * time.Millisecond) // it is being delivered
		broken.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Send(ctx, at("x"), text("two")); err == nil {
			t.Error("a message was accepted by a broken log")
		}
		if err := <-e.Failed(); err == nil {
			t.Error("the engine did not fail")
		}
		pass(time.Minute)
		if err := e.Close(); err == nil {
			t.Error("no error at the end")
		}
		if deliveries != 1 {
			t.Errorf("%d deliveries, expected 1", deliveries)
		}
	})
}
