package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence"
)

// remoteChains keeps a number of chains under way between addresses whose function
// is behind HTTP. A chain has ended when the egress has its message.
type remoteChains struct {
	*flow

	addresses int
	payload   int
	hops      int
	sent      int64 // to the addresses in all, as their states must tell
}

func newRemoteChains(cfg *remoteConfig, addresses, inFlight int) *remoteChains {
	c := &remoteChains{addresses: addresses, payload: cfg.payload, hops: cfg.hops}
	c.flow = newFlow(int64(inFlight), 0, c.batch)
	return c
}

// sink is the egress.
func (c *remoteChains) sink() actors.Sink {
	return actors.HandlerSink(func(context.Context, persistence.EgressRecord) error {
		c.end()
		return nil
	})
}

func (c *remoteChains) random() uint32 {
	return rand.Uint32N(uint32(c.addresses)) //nolint:gosec // validated
}

// message is one that has so many hops to go.
func (c *remoteChains) message(left int, number int64) functions.Message {
	b := make([]byte, c.payload)
	hop.Chain{Left: uint16(left), Addresses: uint32(c.addresses), Number: uint64(number)}.Put(b) //nolint:gosec // validated
	return hop.Payload.Of(b)
}

func (c *remoteChains) batch(first int64, n int) []actors.Outgoing {
	out := make([]actors.Outgoing, n)
	for i := range out {
		out[i] = actors.Outgoing{To: hop.Type.At(hop.ID(c.random())), Message: c.message(c.hops, first+int64(i))}
	}
	return out
}

// ids are those of all addresses.
func (c *remoteChains) ids() []string {
	ids := make([]string, c.addresses)
	for i := range ids {
		ids[i] = hop.ID(uint32(i)) //nolint:gosec // validated
	}
	return ids
}

// activatedTogether keeps few addresses busy while all of them get their state: one
// with a message stays in memory.
const activatedTogether = 2 * maxBatch

// activate sends a message to every address, so that all of them have state.
func (c *remoteChains) activate(ctx context.Context, e *actors.Engine) error {
	for ids := range slices.Chunk(c.ids(), activatedTogether) {
		out := make([]actors.Outgoing, len(ids))
		for i, id := range ids {
			out[i] = actors.Outgoing{To: hop.Type.At(id), Message: c.message(0, 0)}
		}
		if err := e.SendAll(ctx, out); err != nil {
			return err
		}
		c.sent += int64(len(ids))
		if err := e.Idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// verify compares the durable states of all addresses with what was sent.
func (c *remoteChains) verify(e *actors.Engine) error {
	counted, err := sumOf(e, hop.Type, c.ids())
	if err == nil && counted != c.sent {
		err = fmt.Errorf("the functions counted %d messages of %d that were sent", counted, c.sent)
	}
	return err
}

// bodies are requests as a node makes them for some of the addresses when each has
// one message: as many of each hop of a chain.
func (c *remoteChains) bodies(most int) [][]byte {
	out := make([][]byte, min(c.addresses, most))
	for i := range out {
		left := c.hops - i%c.hops
		m := c.message(left, int64(i))
		r := protocol.ToFunction{Invocation: protocol.InvocationBatchRequest{
			Present: true, Target: hop.Type.At(hop.ID(c.random())),
			State:       []protocol.PersistedValue{{StateName: hop.State, StateValue: protocol.ValueOf(functions.Long.Name(), eightBytes)}},
			Invocations: []protocol.Invocation{{Argument: protocol.ValueOf(m.Type, m.Value)}},
		}}
		if left < c.hops {
			r.Invocation.Invocations[0].Caller = hop.Type.At(hop.ID(c.random()))
		}
		out[i] = r.Append(nil)
	}
	return out
}

// eightBytes is a Long, encoded.
var eightBytes = functions.Long.Of(17).Value
