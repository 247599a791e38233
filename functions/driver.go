package functions

import (
	"context"
	"iter"
	"log/slog"
	"time"
)

// Driver is what runs functions: the runtime's grains, the HTTP handler for
// remote functions, the test kit. Grain authors never see it; they hold a
// Context, which is a thin layer over one Driver.
//
// A Driver serves one invocation. Its methods are called from that
// invocation's goroutine only, except those of context.Context. An error that
// a method cannot return (an undeclared state, say) goes to Fail.
//
// Context has checked what can be checked without knowing the application:
// addresses, messages and specs are well-formed, delays and counts to drop are
// not negative, tokens to cancel are not empty.
type Driver interface {
	// The invocation's deadline and cancellation.
	context.Context

	Self() Address
	// Caller is the zero Address for messages from an ingress.
	Caller() Address

	Send(to Address, m Message)
	// SendAfter sends m once delay has passed. An empty token means that it
	// cannot be cancelled.
	SendAfter(delay time.Duration, to Address, m Message, token string)
	Cancel(token string)
	Egress(id TypeName, m Message)
	// StartAsync runs work once the invocation's effects are durable. Its
	// outcome comes back to Self, sent by Self, as an AsyncResult.Message.
	StartAsync(name string, metadata Message, work AsyncWork)

	// Register declares a state while the function runs. Declaring it again
	// with the same kind and type is a no-op.
	Register(spec *StateSpec) error

	// The bytes that a getter returns are the caller's to read, not to change;
	// those passed to a setter belong to the driver from then on.
	GetValue(spec *StateSpec) (value []byte, ok bool)
	SetValue(spec *StateSpec, value []byte)
	ClearValue(spec *StateSpec)

	// A list is addressed by position: 0 is the oldest entry. Iterating goes on
	// sanely while the function changes the list or map, but what it then shows
	// of entries not yet reached is open.
	ListLen(spec *StateSpec) int
	ListEntries(spec *StateSpec) iter.Seq2[int, []byte]
	ListAppend(spec *StateSpec, value []byte)
	// ListDropFirst drops all entries if there are fewer than n.
	ListDropFirst(spec *StateSpec, n int)
	ListClear(spec *StateSpec)

	MapEntry(spec *StateSpec, key string) (value []byte, ok bool)
	// MapEntries iterates in the byte order of the keys.
	MapEntries(spec *StateSpec) iter.Seq2[string, []byte]
	MapSet(spec *StateSpec, key string, value []byte)
	MapDelete(spec *StateSpec, key string)
	MapClear(spec *StateSpec)

	Logger() *slog.Logger
	// Count adds delta to a counter of the function's own.
	Count(name string, delta int64)

	// Fail makes the invocation fail with err, whatever the function returns.
	// The first error counts.
	Fail(err error)
}

// AsyncWork is work outside the function: it runs on a goroutine of its own and
// sees nothing of the function's state. The returned message carries the
// outcome of success.
type AsyncWork func(ctx context.Context) (Message, error)
