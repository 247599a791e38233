//go:build e2e

package limits

import (
	"runtime"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

const touchedType functions.TypeName = "limits/touched"

// Ten million addresses are touched once. Memory stays at what the live ones
// take, and when these have gone idle it is given back.
func TestAddresses(t *testing.T) {
	p := launch(t, task{Role: "addresses", Dir: t.TempDir(), Messages: scaled(t, 1_000_000, 10_000_000)})
	p.ends(most)
	if got := p.said["heap bytes per live grain"]; got > 1536 {
		t.Errorf("%.0f bytes per live grain, want 1,536 at most", got)
	}
	if got := p.said["heap bytes per idle grain"]; got > 64 {
		t.Errorf("%.0f bytes are left of an idle grain, want none", got)
	}
	if got := p.said["goroutines left"]; got > 5 {
		t.Errorf("%.0f goroutines more than before", got)
	}
}

func addressesRole(c *child) {
	const live = 200_000
	f := functions.Function{Type: touchedType, States: []functions.State{count}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, _ []byte) error {
			n, _ := count.Get(ctx)
			count.Set(ctx, n+1)
			return nil
		}),
	}}
	c.start(statefun.Config{LiveGrains: live, IdleAfter: 10 * time.Second}, f)
	c.send(touchedType, senders*together, 1000) // warm
	c.idle()
	before, goroutines := c.liveHeap(), runtime.NumGoroutine()
	c.say("heap before bytes", before)

	began := time.Now()
	c.send(touchedType, c.Messages, c.Messages)
	c.settle()
	c.stage("touched", began)
	n := float64(c.node.Metrics().LiveGrains)
	for c.node.Metrics().Journal.OverlayBytes > 0 {
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // an observer
	}
	n = min(n, float64(c.node.Metrics().LiveGrains))
	heap := c.liveHeap()
	c.say("live grains", n)
	c.say("live heap bytes", heap)
	c.say("heap bytes per live grain", (heap-before)/n)
	c.say("rss", rss("VmRSS"))

	c.idle()
	after := c.liveHeap()
	c.say("idle heap bytes", after)
	c.say("heap bytes per idle grain", (after-before)/n)
	c.say("goroutines left", float64(runtime.NumGoroutine()-goroutines))
	c.stop()
}

// idle waits until no grain is live and the overlay is empty.
func (c *child) idle() {
	for c.node.Metrics().LiveGrains > 0 || c.node.Metrics().Journal.OverlayBytes > 0 {
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // an observer
	}
}
