//go:build e2e

package limits

import (
	"runtime"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

const (
	touchedType functions.TypeName = "limits/touched"

	liveAddresses = 200_000
	grainBytes    = 1536
	idleBytes     = 100 // of one may be left: with a million of them, that is what the node keeps for itself
)

// Ten million addresses are touched once. Memory stays at what the live ones
// take, and when these have gone idle it is given back. What the tables keep in
// memory is bounded by itself, and not counted as theirs.
func TestAddresses(t *testing.T) {
	p := launch(t, task{Role: "addresses", Dir: t.TempDir(), Messages: scaled(t, 1_000_000, 10_000_000)})
	p.ends(most + liveAddresses*grainBytes) // the rest of the node, and those that live
	if got := p.said["heap bytes per live grain"]; got > grainBytes {
		t.Errorf("%.0f bytes per live grain, want %d at most", got, grainBytes)
	}
	if got := p.said["heap bytes per idle grain"]; got > idleBytes {
		t.Errorf("%.0f bytes are left of an idle grain, want none", got)
	}
	if got := p.said["goroutines left"]; got > 5 {
		t.Errorf("%.0f goroutines more than before", got)
	}
}

func addressesRole(c *child) {
	f := functions.Function{Type: touchedType, States: []functions.State{count}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, _ []byte) error {
			n, _ := count.Get(ctx)
			count.Set(ctx, n+1)
			return nil
		}),
	}}
	// None is to go idle before it is counted: of more, more is in the overlay by then.
	idleAfter := 10 * time.Second * time.Duration(max(1, c.Messages/2_000_000))
	c.start(statefun.Config{LiveGrains: liveAddresses, IdleAfter: idleAfter}, f)
	c.send(touchedType, 500_000, 1000) // what a busy node keeps for itself is there
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
	// Of all that were touched: what does not grow with them is the node's own.
	left := func() float64 { return (c.liveHeap() - before) / float64(c.Messages) }
	got := left()
	for range 60 { // what served grains is given back part by part
		if got <= idleBytes {
			break
		}
		time.Sleep(time.Second) //nolint:forbidigo // an observer
		got = left()
	}
	c.stage("given back", began)
	c.say("heap bytes per idle grain", got)
	c.say("goroutines left", float64(runtime.NumGoroutine()-goroutines))
	c.stop()
}

// idle waits until no grain is live and the overlay is empty.
func (c *child) idle() {
	for c.node.Metrics().LiveGrains > 0 || c.node.Metrics().Journal.OverlayBytes > 0 {
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // an observer
	}
}
