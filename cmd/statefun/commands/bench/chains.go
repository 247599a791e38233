package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// hopType is the function that chains run through.
const hopType functions.TypeName = "bench/hop"

// payload is sent as it is: a chain's bytes are never changed once sent.
var payload = functions.NewType("bench/payload",
	func(b []byte) ([]byte, error) { return b, nil },
	func(b []byte) ([]byte, error) { return b, nil })

// hopsBytes is how much of the payload says how many hops are left, the current
// one included.
const hopsBytes = 2

// chains keeps a number of chains under way. A chain is a message that goes to a
// random grain, which adds one to its states and passes the message on to another
// random grain, until its hops are used up.
//
// Instead of random grains, a script may say where chains begin; then no more are
// started than it has.
type chains struct {
	*flow

	cfg    GrainsConfig
	ids    []string
	states []*functions.ValueState[int64]
	script []int32  // places in ids, nil: at random
	hot    *hotspot // the first of ids, nil: all are alike
	// observe is called when the measurement begins, what it returns when it ends.
	observe func(*actors.Engine) (end func())
	sent    int64 // to the grains in all, as their states must tell
}

func newChains(cfg GrainsConfig) *chains { return scriptedChains(cfg, nil) }

func scriptedChains(cfg GrainsConfig, script []int32) *chains {
	c := &chains{observe: func(*actors.Engine) func() { return func() {} }, cfg: cfg, ids: make([]string, cfg.Addresses), script: script}
	c.flow = newFlow(int64(cfg.InFlight), int64(len(script)), c.batch)
	for i := range c.ids {
		c.ids[i] = strconv.Itoa(i)
	}
	for i := range cfg.States {
		c.states = append(c.states, functions.Value("seen"+strconv.Itoa(i), functions.Int64))
	}
	return c
}

func (c *chains) function() functions.Function {
	f := functions.Function{Type: hopType, Handlers: []functions.Handler{functions.On(payload, c.hop)}}
	for _, s := range c.states {
		f.States = append(f.States, s)
	}
	return f
}

func (c *chains) hop(ctx functions.Context, in []byte) error {
	for _, s := range c.states {
		n, _ := s.Get(ctx)
		s.Set(ctx, n+1)
	}
	if c.hot != nil && ctx.Self().ID == c.ids[0] {
		c.hot.got.Add(1)
	}
	left := binary.BigEndian.Uint16(in)
	switch left {
	case 0: // see activate
		return nil
	case 1:
		c.end()
		return nil
	}
	out := make([]byte, len(in))
	copy(out, in)
	binary.BigEndian.PutUint16(out, left-1)
	ctx.Send(c.target(), payload.Of(out))
	return nil
}

// target is where a chain goes next.
func (c *chains) target() functions.Address {
	ids := c.ids
	if c.hot != nil {
		if rand.Float64() < c.hot.share {
			return functions.Address{Type: hopType, ID: ids[0]}
		}
		ids = ids[1:]
	}
	return functions.Address{Type: hopType, ID: ids[rand.Uint64N(uint64(len(ids)))]}
}

// activate sends a message to every grain, so that all of them are in memory
// before anything is counted, as bare actors are; or as many as may live, half of
// those at a time so that others can go.
func (c *chains) activate(ctx context.Context, e *actors.Engine) error {
	together := len(c.ids)
	if live := c.cfg.LiveGrains; live > 0 {
		together = min(together, max(1, live/2))
	}
	for ids := range slices.Chunk(c.ids, together) {
		if err := c.touch(ctx, e, ids); err != nil {
			return fmt.Errorf("activating grains: %w", err)
		}
		if err := e.Idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// touch sends a message to each of some grains.
func (c *chains) touch(ctx context.Context, e *actors.Engine, ids []string) error {
	m := payload.Of(make([]byte, c.cfg.Payload))
	for some := range slices.Chunk(ids, maxBatch) {
		out := make([]actors.Outgoing, len(some))
		for i, id := range some {
			out[i] = actors.Outgoing{To: functions.Address{Type: hopType, ID: id}, Message: m}
		}
		if err := e.SendAll(ctx, out); err != nil {
			return err
		}
		c.sent += int64(len(some))
	}
	return nil
}

func (c *chains) batch(first int64, n int) []actors.Outgoing {
	out := make([]actors.Outgoing, n)
	size := c.cfg.Payload
	bytes := make([]byte, n*size)
	for i := range out {
		b := bytes[i*size : (i+1)*size : (i+1)*size]
		binary.BigEndian.PutUint16(b, uint16(c.cfg.Hops)) //nolint:gosec // validated
		out[i] = actors.Outgoing{To: c.origin(first + int64(i)), Message: payload.Of(b)}
	}
	return out
}

// origin is where a chain begins.
func (c *chains) origin(n int64) functions.Address {
	if c.script == nil {
		return c.target()
	}
	return functions.Address{Type: hopType, ID: c.ids[c.script[n]]}
}

// verify compares the durable states of all grains with what was
// sent: one message to each, and the chains.
func (c *chains) verify(e *actors.Engine) error {
	counted, err := sumsOf(e, hopType, c.ids, len(c.states))
	if err != nil {
		return err
	}
	for _, n := range counted {
		if n != c.sent {
			return fmt.Errorf("the grains counted %d messages of %d that were sent", n, c.sent)
		}
	}
	return nil
}

// runChecked measures the chains on a node of their own.
func (c *chains) runChecked(ctx context.Context, s *suite, node NodeConfig) (u usage, err error) {
	err = withNode(ctx, s.start, s.dir, node, func(n Node) error {
		if err := c.activate(ctx, n.Engine()); err != nil {
			return err
		}
		if u, err = c.measureRun(ctx, n.Engine()); err != nil {
			return err
		}
		return c.verify(n.Engine())
	}, c.function())
	return u, err
}
