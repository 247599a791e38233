//go:build e2e

package limits

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

const brokenType functions.TypeName = "limits/broken"

// A million messages are quarantined; they are listed, some are tried again and
// some dropped; the node starts again with the others.
func TestQuarantine(t *testing.T) {
	launch(t, task{Role: "quarantine", Dir: t.TempDir(), Messages: scaled(t, 200_000, 1_000_000), Addresses: 10_000}).ends(most)
}

func quarantineRole(c *child) {
	var mended atomic.Bool
	var handled atomic.Int64
	broken := functions.Function{Type: brokenType, States: []functions.State{count}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, _ []byte) error {
			if !mended.Load() {
				return functions.Permanent(errors.New("it is broken"))
			}
			n, _ := count.Get(ctx)
			count.Set(ctx, n+1)
			handled.Add(1)
			return nil
		}),
	}}
	c.start(statefun.Config{}, broken)
	began := time.Now()
	want := c.Messages / senders * senders
	c.send(brokenType, c.Messages, c.Addresses)
	c.settle()
	c.say("quarantined", float64(c.node.Metrics().Quarantined))
	c.stage("all quarantined", began)

	listed := c.list(want)
	mended.Store(true)
	some := 500
	for i, q := range listed[:2*some] {
		act := c.node.Engine().Retry
		if i%2 == 0 {
			act = c.node.Engine().Drop
		}
		c.must(act(context.Background(), q.Address, q.Sequence))
	}
	c.settle()
	if got := handled.Load(); got != int64(some) {
		c.fail("%d messages were handled after a retry, want %d", got, some)
	}
	c.list(want - 2*some)
	c.stop()

	again := time.Now()
	c.start(statefun.Config{}, broken)
	c.stage("start again", again)
	c.list(want - 2*some)
	if got := c.node.Metrics().Quarantined; got != int64(want-2*some) {
		c.fail("%d are counted after a restart, want %d", got, want-2*some)
	}
	c.stop()
}

// list visits all quarantined messages and returns the first thousand.
func (c *child) list(want int) (first []actors.Quarantined) {
	began, n := time.Now(), 0
	c.must(c.node.Engine().Quarantine(func(q actors.Quarantined) bool {
		if n++; len(first) < 1000 {
			first = append(first, q)
		}
		return true
	}))
	if n != want {
		c.fail("%d messages are listed, want %d", n, want)
	}
	c.stage("listed", began)
	return first
}
