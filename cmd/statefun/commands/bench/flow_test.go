package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// flowing is a flow of messages to one of a few addresses, each of which ends its
// piece of work.
type flowing struct {
	*flow
	node     Node
	numbered [10_000]atomic.Int64 // how often a piece was started
	most     atomic.Int64         // under way at a time
}

func newFlowing(t *testing.T, inFlight, total int64) *flowing {
	t.Helper()
	f := &flowing{}
	f.flow = newFlow(inFlight, total, func(first int64, n int) []actors.Outgoing {
		out := make([]actors.Outgoing, n)
		for i := range out {
			f.numbered[first+int64(i)].Add(1)
			out[i] = actors.Outgoing{To: functions.Address{Type: hopType, ID: "abc"[i%3 : i%3+1]}, Message: payload.Of(nil)}
		}
		return out
	})
	fn := functions.Function{Type: hopType, Handlers: []functions.Handler{functions.On(payload, func(functions.Context, []byte) error {
		f.most.Store(max(f.most.Load(), f.started.Load()-f.ended.Load()))
		f.end()
		return nil
	})}}
	n, err := startNode(t.Context(), NodeConfig{DataDir: t.TempDir(), HTTP: "off"}, fn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	f.node = n
	return f
}

func TestFlowStartsEachPieceOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inFlight, total int64 }{{1, 20}, {3, 3}, {100, 1}, {64, 3_000}, {5_000, 9_999}} {
		f := newFlowing(t, c.inFlight, c.total)
		took, err := f.runTotal(t.Context(), f.node.Engine())
		if err != nil || took <= 0 {
			t.Errorf("%+v: %v, %v", c, took, err)
		}
		for i := range f.numbered {
			if n := f.numbered[i].Load(); n != 1 && int64(i) < c.total || n != 0 && int64(i) >= c.total {
				t.Fatalf("%+v: piece %d was started %d times", c, i, n)
			}
		}
		if f.ended.Load() != c.total || f.most.Load() > c.inFlight {
			t.Errorf("%+v: %d ended, up to %d were under way", c, f.ended.Load(), f.most.Load())
		}
	}
}

func TestFlowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := newFlowing(t, 2, 9_999)
	time.AfterFunc(5*time.Millisecond, func() { cancel(cause) })
	if _, err := f.runTotal(ctx, f.node.Engine()); !errors.Is(err, cause) && f.ended.Load() < 9_999 {
		t.Errorf("got %v", err)
	}
	if f.started.Load() != f.ended.Load() {
		t.Errorf("%d were started, %d have ended", f.started.Load(), f.ended.Load())
	}
}

func TestFlowMissesWhatDidNotEnd(t *testing.T) {
	t.Parallel()
	f := newFlowing(t, 10, 10)
	f.ended.Store(-1) // one will be missing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.started.Add(1)
	if err := f.run(ctx, f.node.Engine()); err == nil || !strings.Contains(err.Error(), "1 pieces of work were started, -1 have ended") {
		t.Errorf("got %v", err)
	}
}
