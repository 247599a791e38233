package actors

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/statefun-go/statefun/functions"
)

// reservedNamespace is where the runtime's own functions live.
const reservedNamespace = "io.statefun"

// replyType is the reserved caller of messages on whose answer a client waits;
// the id names the client. It is no function: what is sent there goes to the
// client once it is durable, or nowhere.
const replyType functions.TypeName = reservedNamespace + "/reply"

func isWaitingClient(a functions.Address) bool { return a.Type == replyType }

// Answer is what a waiting client gets.
type Answer struct {
	// Message is the function's first reply.
	Message functions.Message
	// Failure says why there will be no reply: the message was quarantined.
	Failure string
	// Conflict says that the idempotency key was used with another message.
	Conflict bool
}

type reply struct {
	id     string
	answer Answer
}

// calls are the clients that wait.
type calls struct {
	mu      sync.Mutex
	waiting map[string]chan Answer
	late    func()
}

func (c *calls) init() { c.waiting = map[string]chan Answer{} }

func (c *calls) begin(id string) <-chan Answer {
	ch := make(chan Answer, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = ch
	return ch
}

func (c *calls) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// answer hands a reply to its client: the first one counts.
func (c *calls) answer(id string, a Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.waiting[id]
	if ch == nil {
		c.late()
		return
	}
	delete(c.waiting, id)
	ch <- a
}

// ErrNoReply says that the message was accepted, but no reply came in time.
var ErrNoReply = errors.New("actors: no reply in time")

// Call accepts a message from outside and waits for the first reply to it. When
// ctx ends first, the error is ErrNoReply if the message is durable; otherwise it
// may or may not become so.
func (e *Engine) Call(ctx context.Context, to functions.Address, m functions.Message) (Answer, error) {
	return e.wait(ctx, func(client functions.Address) error { return e.send(ctx, client, to, m) })
}

// wait runs send with the address of a new waiting client, and waits.
func (e *Engine) wait(ctx context.Context, send func(client functions.Address) error) (Answer, error) {
	var token [16]byte
	e.env.Random.Read(token[:])
	client := functions.Address{Type: replyType, ID: hex.EncodeToString(token[:])}
	ch := e.calls.begin(client.ID)
	defer e.calls.end(client.ID)
	if err := send(client); err != nil {
		return Answer{}, err
	}
	select {
	case a := <-ch:
		e.metrics.replies.Add(1)
		return a, nil
	case <-e.halted:
		return Answer{}, e.journal.Err()
	case <-e.stopped:
		return Answer{}, ErrClosed
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("%w: %w", ErrNoReply, ctx.Err())
	}
}
