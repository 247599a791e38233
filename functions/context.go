package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Context is what a function sees of the world during one invocation. It is
// also the invocation's context.Context: it ends at the invocation's deadline.
//
// Nothing a function does through its Context is visible to anyone before it
// returned nil; then all of it becomes visible at once. A method that is given
// something impossible makes the invocation fail, whatever the function
// returns. A Context must not be used after the function returned, nor from
// another goroutine.
type Context struct {
	driver Driver
}

var _ context.Context = Context{}

// NewContext is for runtimes and test kits.
func NewContext(d Driver) Context { return Context{driver: d} }

// Deadline implements context.Context.
func (c Context) Deadline() (time.Time, bool) { return c.driver.Deadline() }

// Done implements context.Context.
func (c Context) Done() <-chan struct{} { return c.driver.Done() }

// Err implements context.Context.
func (c Context) Err() error { return c.driver.Err() }

// Value implements context.Context.
func (c Context) Value(key any) any { return c.driver.Value(key) }

// Self is the address of the running function.
func (c Context) Self() Address { return c.driver.Self() }

// Caller is the address of the sending function. It is absent for a message
// that came in through an ingress.
func (c Context) Caller() (Address, bool) {
	a := c.driver.Caller()
	return a, !a.IsZero()
}

// Send sends m to another function or to an egress. Messages from one address
// to another arrive in the order in which they were sent.
func (c Context) Send(to Target, m Message) {
	switch to := to.(type) {
	case Address:
		c.sendTo(to, m)
	case Egress:
		c.emit(to, m)
	default:
		c.driver.Fail(fmt.Errorf("functions: send %s: the target is nil", m.Type))
	}
}

// Reply sends m to the caller. It fails the invocation if there is none.
func (c Context) Reply(m Message) {
	caller := c.driver.Caller()
	if caller.IsZero() {
		c.driver.Fail(fmt.Errorf("functions: reply %s: there is no caller, the message came from an ingress", m.Type))
		return
	}
	c.sendTo(caller, m)
}

// SendAfter sends m once delay has passed, at least; it survives restarts. A
// delay of 0 is allowed and comes after everything that this invocation sends
// directly. Messages that are due at the same time are sent in the order in
// which they were given. With [CancelToken] it can be cancelled.
func (c Context) SendAfter(delay time.Duration, to Address, m Message, opts ...SendOption) {
	token, err := cancelToken(opts)
	err = errors.Join(checkDelay(delay), err, m.check(), to.Validate())
	if err != nil {
		c.driver.Fail(fmt.Errorf("functions: send %s after %v: %w", m.Type, delay, err))
		return
	}
	c.driver.SendAfter(delay, to, m, token)
}

// Cancel takes back the delayed message that was sent under token by a function
// of the same id. It does nothing if there is none, or no longer.
func (c Context) Cancel(token string) {
	if token == "" {
		c.driver.Fail(errors.New("functions: cancel: empty cancel token"))
		return
	}
	c.driver.Cancel(token)
}

// Register declares a state whose name is known only while the function runs;
// states known beforehand belong into [Function.States]. Registering one again
// does nothing, and keeps the expiration that was given first. It is an error if
// the name is taken by a state of another kind or type.
func (c Context) Register(s State) error {
	if err := checkState(s); err != nil {
		return err
	}
	return c.driver.Register(s.Spec())
}

// Logger logs with the function's address attached. What is logged stays
// logged, also when the invocation fails.
func (c Context) Logger() *slog.Logger { return c.driver.Logger() }

// Count adds delta to a counter of the function's own, shown with its metrics.
func (c Context) Count(name string, delta int64) { c.driver.Count(name, delta) }

func (c Context) sendTo(to Address, m Message) {
	if m.check() != nil || !to.valid() {
		c.driver.Fail(fmt.Errorf("functions: send %s: %w", m.Type, errors.Join(m.check(), to.Validate())))
		return
	}
	c.driver.Send(to, m)
}

func (c Context) emit(to Egress, m Message) {
	if err := m.check(); err != nil {
		c.driver.Fail(fmt.Errorf("functions: send %s to egress %s: %w", m.Type, to, err))
		return
	}
	c.driver.Egress(TypeName(to), m)
}

// stateOK fails the invocation if err says that a state cannot be read or written.
func (c Context) stateOK(spec *StateSpec, err error) bool {
	if err != nil {
		c.driver.Fail(fmt.Errorf("functions: state %q: %w", spec.Name, err))
	}
	return err == nil
}
