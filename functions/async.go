package functions

import (
	"context"
	"errors"
	"fmt"
)

// AsyncOperation is a kind of work that a function starts and does not wait for:
// a call to another service, say. M is what the function wants to know again
// when the result arrives, R the result.
type AsyncOperation[M, R any] struct {
	name     string
	metadata Type[M]
	result   Type[R]
}

// Async declares asynchronous work under a name that is unique within the
// function. Declare it once, in a package-level variable, and handle its results
// with [OnResult].
func Async[M, R any](name string, metadata Type[M], result Type[R]) *AsyncOperation[M, R] {
	return &AsyncOperation[M, R]{name, metadata, result}
}

// Start lets work run, on a goroutine of its own, once everything that this
// invocation does is durable; it never runs if the invocation fails. Meanwhile
// the function handles other messages. The outcome comes back to the same
// address as one more message.
//
// Work sees nothing of the function's Context and state; what it needs it takes
// along. It is not started again after a crash: then the result is
// [AsyncUnknown], and the work may have been done or not.
func (o *AsyncOperation[M, R]) Start(ctx Context, metadata M, work func(context.Context) (R, error)) {
	m := o.metadata.Of(metadata)
	err := m.check()
	if work == nil {
		err = errors.New("functions: the work is nil")
	}
	if err != nil {
		ctx.driver.Fail(fmt.Errorf("functions: start %q: %w", o.name, err))
		return
	}
	ctx.driver.StartAsync(o.name, m, func(ctx context.Context) (Message, error) {
		v, err := work(ctx)
		if err != nil {
			return Message{}, err
		}
		out := o.result.Of(v)
		return out, out.Err()
	})
}

// Result is how asynchronous work ended.
type Result[M, R any] struct {
	Status AsyncStatus
	// Metadata is what was given to Start.
	Metadata M
	// Value is what the work returned, the zero R unless Status is AsyncSuccess.
	Value R
	// Err is nil exactly if Status is AsyncSuccess. Of the work's own error only
	// the text is left.
	Err error
}

// OnResult handles the results of an asynchronous operation.
func OnResult[M, R any](o *AsyncOperation[M, R], f func(ctx Context, r Result[M, R]) error) Handler {
	h := Handler{accepts: AsyncResultType}
	switch {
	case o == nil || f == nil:
		h.err = errors.New("functions: OnResult of a nil operation or a nil handler")
		return h
	case o.name == "":
		h.err = errors.New("functions: an asynchronous operation without a name")
	default:
		h.err = errors.Join(o.metadata.check(), o.result.check())
	}
	h.async = o.name
	h.result = func(ctx Context, r AsyncResult) error {
		typed, err := o.decode(r)
		if err != nil {
			return Permanent(err)
		}
		return f(ctx, typed)
	}
	return h
}

func (o *AsyncOperation[M, R]) decode(r AsyncResult) (out Result[M, R], err error) {
	out.Status = r.Status
	if out.Metadata, err = o.metadata.From(r.Metadata); err != nil {
		return out, fmt.Errorf("functions: metadata of a result of %q: %w", o.name, err)
	}
	switch r.Status {
	case AsyncSuccess:
		if out.Value, err = o.result.From(r.Value); err != nil {
			return out, fmt.Errorf("functions: value of a result of %q: %w", o.name, err)
		}
	case AsyncFailure:
		out.Err = errors.New(r.Error)
	case AsyncUnknown:
		out.Err = fmt.Errorf("functions: the outcome of %q was lost in a crash", o.name)
	}
	return out, nil
}
