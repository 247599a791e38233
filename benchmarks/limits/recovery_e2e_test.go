//go:build e2e

package limits

import (
	"os"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
)

// A node with a million addresses of state and a million messages that wait is
// killed with -9. From the start of the next process to its first handled message less
// than a second passes where docs/performance.md was measured. The bound leaves room for
// slower machines.
func TestRecovery(t *testing.T) {
	const bound = 2 * time.Second
	for name, addresses := range map[string]int{"for a thousand addresses": 1000, "for all addresses": 1_000_000} {
		t.Run(name, func(t *testing.T) {
			k := task{Role: "fill", Dir: t.TempDir(), Messages: scaled(t, 1_000_000, 1_000_000)}
			k.Addresses = min(addresses, k.Messages)
			p := launch(t, k)
			p.hears("filled")
			p.kill()
			k.Role = "recover"
			p = launch(t, k)
			took := p.hears("first").Sub(p.began)
			p.hears("drained")
			t.Logf("first message after %v", took)
			// A process that had to wait for processors says nothing about itself.
			if cpu := p.said["first: cpu"]; took > bound && cpu >= 0.8*took.Seconds() {
				t.Errorf("the first message was handled after %v, want %v at most", took, bound)
			}
			p.ends(0)
		})
	}
}

// A new node answers within 100 ms.
func TestCleanStart(t *testing.T) {
	best := time.Hour
	for range 5 {
		p := launch(t, task{Role: "empty", Dir: t.TempDir(), Messages: 4, Addresses: 1})
		best = min(best, p.hears("started").Sub(p.began))
		p.ends(most)
	}
	t.Logf("best of five: %v", best)
	if best > 100*time.Millisecond {
		t.Errorf("a clean start took %v, want 100 ms at most", best)
	}
}

func fillRole(c *child) {
	d := newDrain(c.Messages)
	c.start(statefun.Config{FirstBackoff: time.Hour, LastBackoff: time.Hour}, d.function())
	d.open.Store(true)
	c.send(drainType, c.Messages, c.Messages)
	c.settle()
	d.open.Store(false)
	c.say("state", float64(d.handled.Load()))
	c.say("rss", rss("VmRSS"))
	c.send(drainType, c.Messages, c.Addresses)
	c.say("rss", rss("VmRSS"))
	c.say("log bytes", float64(c.node.Metrics().Journal.LogBytes))
	c.say("filled", float64(c.Messages))
	select {}
}

func recoverRole(c *child) {
	stop := func() {}
	if path := os.Getenv("STATEFUN_LIMITS_CPU"); path != "" {
		stop = cpuProfile(path)
	}
	d := newDrain(c.Messages)
	d.open.Store(true)
	go func() {
		<-d.first
		stop()
		c.say("first: cpu", cpuSeconds())
		c.say("first", time.Since(c.began).Seconds())
	}()
	c.start(statefun.Config{}, d.function())
	c.say("started", time.Since(c.began).Seconds())
	for d.handled.Load() < int64(c.Messages/senders*senders) && c.Role == "recover" {
		time.Sleep(time.Millisecond) //nolint:forbidigo // an observer
	}
	c.stage("drained", c.began)
	c.settle()
	if wrong := d.wrong.Load(); wrong > 0 {
		c.fail("%d messages were out of order", wrong)
	}
	c.stop()
}
