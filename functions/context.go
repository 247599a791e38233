package functions

import (
	"context"
	"log/slog"
	"time"
)

// Context is what a function sees of the world during one invocation. It is
// also the invocation's context.Context: it ends at the invocation's deadline.
//
// Nothing a function does through its Context is visible to anyone before it
// returned nil; then all of it becomes visible at once. A Context must not be
// used after the function returned, nor from another goroutine.
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

// Logger logs with the function's address attached.
func (c Context) Logger() *slog.Logger { return c.driver.Logger() }

// Count adds delta to a counter of the function's own, shown with its metrics.
func (c Context) Count(name string, delta int64) { c.driver.Count(name, delta) }
