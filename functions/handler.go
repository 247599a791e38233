package functions

import (
	"errors"
	"fmt"
)

// Handler is what a function does with one type of message. Make one with [On],
// [OnAny] or [OnResult].
type Handler struct {
	accepts TypeName // empty: any
	async   string   // the operation, of a handler of results
	isJSON  bool
	run     func(Context, Message) error
	result  func(Context, AsyncResult) error
	err     error // why the handler cannot be used
}

// On handles messages of type t. A message that cannot be decoded is a
// permanent failure: trying again would not cure it.
func On[T any](t Type[T], f func(ctx Context, in T) error) Handler {
	h := Handler{accepts: t.Name(), err: t.check()}
	if h.err != nil {
		return h
	}
	h.isJSON = t.def.isJSON
	if f == nil {
		h.err = fmt.Errorf("functions: the handler of %s is nil", h.accepts)
	}
	h.run = func(ctx Context, m Message) error {
		in, err := t.Decode(m.Value)
		if err != nil {
			return Permanent(err)
		}
		return f(ctx, in)
	}
	return h
}

// OnAny handles messages that no other handler accepts. The bytes of the message
// are the function's to read and to pass on, not to change.
func OnAny(f func(ctx Context, m Message) error) Handler {
	h := Handler{run: f}
	if f == nil {
		h.err = errors.New("functions: the handler of any message is nil")
	}
	return h
}

// String names what the handler accepts.
func (h Handler) String() string {
	switch {
	case h.async != "":
		return fmt.Sprintf("results of %q", h.async)
	case h.accepts == "":
		return "any message"
	}
	return fmt.Sprintf("%q", h.accepts)
}

// check reports why the handler cannot be used.
func (h Handler) check() error {
	switch {
	case h.err != nil:
		return h.err
	case h.run == nil && h.result == nil:
		return errors.New("functions: the zero Handler handles nothing: make one with On, OnAny or OnResult")
	case h.run != nil && h.accepts == AsyncResultType:
		return fmt.Errorf("functions: %s is reserved: handle results with OnResult", AsyncResultType)
	}
	return nil
}
