package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/persistence"
)

// mailbox is a grain's Proto.Actor mailbox. Nothing waits in it: messages wait in
// the worker's queue, so that an idle grain costs a few words.
type mailbox struct {
	worker  *worker
	invoker actor.MessageInvoker
	context actor.Context // the same
}

var _ actor.Mailbox = (*mailbox)(nil)

// PostUserMessage takes what comes through the grain's PID. What is not a
// message of the journal has no place here and is dropped, as Proto.Actor drops
// what nobody receives.
func (b *mailbox) PostUserMessage(message any) {
	if m, ok := message.(*persistence.Message); ok {
		b.worker.post(func(w *worker) { w.receive(delivery{w.directory.hash(m.Target), m}) })
	}
}

// PostSystemMessage runs on the worker: at once while it spawns, else in turn.
func (b *mailbox) PostSystemMessage(message any) {
	if _, ok := message.(*actor.Started); ok {
		b.invoker.InvokeSystemMessage(message)
		return
	}
	b.worker.post(func(*worker) { b.invoker.InvokeSystemMessage(message) })
}

// RegisterHandlers implements actor.Mailbox.
func (b *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	b.invoker = invoker
	b.context, _ = invoker.(actor.Context)
}

// Start implements actor.Mailbox.
func (b *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (b *mailbox) UserMessageCount() int { return 0 }
