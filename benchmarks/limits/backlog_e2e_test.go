//go:build e2e

package limits

import (
	"encoding/binary"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

const drainType functions.TypeName = "limits/drain"

// Ten million messages wait for functions that fail until a moment when all of
// them are there; then they are drained, each sender's in order.
func TestBacklog(t *testing.T) {
	for name, addresses := range map[string]int{"thousand addresses": 1000, "one address": 1} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, task{Role: "backlog", Dir: t.TempDir(), Messages: scaled(t, 4_000_000, 10_000_000), Addresses: addresses})
			p.ends(most)
		})
	}
}

// drain is a function that fails while the gate is closed, and then checks the
// order of its messages.
type drain struct {
	open    atomic.Bool
	handled atomic.Int64
	wrong   atomic.Int64
	last    [][senders]uint32 // by address; each is its address's
	first   chan struct{}     // closed when the first message is handled
	once    atomic.Bool
}

func newDrain(addresses int) *drain {
	return &drain{last: make([][senders]uint32, addresses), first: make(chan struct{})}
}

var errClosed = errors.New("the gate is closed")

func (d *drain) function() functions.Function {
	return functions.Function{
		Type: drainType, States: []functions.State{count}, MaxAttempts: 1 << 30,
		Handlers: []functions.Handler{functions.On(payload, d.handle)},
	}
}

func (d *drain) handle(ctx functions.Context, b []byte) error {
	if !d.open.Load() {
		return errClosed
	}
	n, _ := count.Get(ctx)
	count.Set(ctx, n+1)
	at, err := strconv.Atoi(ctx.Self().ID)
	if err != nil {
		return err
	}
	last := &d.last[at][b[0]]
	if got := binary.BigEndian.Uint32(b[1:]); got != *last+1 {
		d.wrong.Add(1)
	}
	*last++
	d.handled.Add(1)
	if !d.once.Swap(true) {
		close(d.first)
	}
	return nil
}

func backlogRole(c *child) {
	d := newDrain(c.Addresses)
	c.start(statefun.Config{FirstBackoff: 50 * time.Millisecond, LastBackoff: time.Second}, d.function())
	began := time.Now()
	c.send(drainType, c.Messages, c.Addresses)
	c.stage("sent", began)
	c.say("held", float64(c.node.Metrics().Held))
	c.say("waiting on disk bytes", float64(c.node.Metrics().Journal.Tables.DiskBytes))
	d.open.Store(true)
	began = time.Now()
	for want := int64(c.Messages / senders * senders); d.handled.Load() < want; {
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // an observer
	}
	c.stage("drained", began)
	c.settle()
	if wrong := d.wrong.Load(); wrong > 0 {
		c.fail("%d messages were out of order", wrong)
	}
	c.stop()
}
