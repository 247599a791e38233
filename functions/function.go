package functions

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Function is a function type: everything that a runtime needs to know to run
// its instances. It is a plain value, not changed once it runs.
//
// Name the type in a constant. Handlers that send to their own type then refer
// to the constant; if they referred to a variable that holds the Function, Go
// would report an initialization cycle.
type Function struct {
	// Type is the name of the function type, such as "fraud/count". Required.
	Type TypeName

	// States are the states that the handlers use. Using another one fails the
	// invocation, unless it was registered with [Context.Register].
	States []State

	// Handlers, one for each type of message and each asynchronous operation,
	// at most one [OnAny]; at least one handler in all. Their order does not matter.
	Handlers []Handler

	// Blocking says that handlers wait for something outside (a database, say).
	// They then run on a bounded pool, where they hold up nobody else.
	// Defaults to false: handlers that compute and return.
	Blocking bool

	// Deadline is how long one invocation may take. After that its Context ends,
	// and what it does is discarded. Defaults to the runtime's deadline.
	Deadline time.Duration

	// MaxAttempts is how often a message is tried before it is quarantined; 1
	// means no second try. Defaults to the runtime's number.
	MaxAttempts int
}

// Validate reports all that is wrong with the declaration, nil if nothing is.
func (f *Function) Validate() error {
	var errs []error
	if _, err := ParseTypeName(string(f.Type)); err != nil {
		errs = append(errs, fmt.Errorf("Type: %w", err))
	}
	if f.Deadline < 0 {
		errs = append(errs, fmt.Errorf("Deadline: %v is negative", f.Deadline))
	}
	if f.MaxAttempts < 0 {
		errs = append(errs, fmt.Errorf("MaxAttempts: %d is negative", f.MaxAttempts))
	}
	errs = append(errs, f.checkStates()...)
	errs = append(errs, f.checkHandlers()...)
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("functions: function %q: %w", clip(string(f.Type)), errors.Join(errs...))
}

// Invoke hands m to its handler. A type that no handler accepts is a permanent
// failure whose text names that type and those that are handled.
//
// Invoke is for runtimes. It is safe for concurrent use with different
// Contexts, and returns what the handler returned: failures that went to
// [Driver.Fail], and panics, are the caller's to notice.
func (f *Function) Invoke(ctx Context, m Message) error {
	if m.Type == AsyncResultType {
		return f.invokeResult(ctx, m)
	}
	for i := range f.Handlers {
		if h := &f.Handlers[i]; h.accepts == m.Type && h.run != nil {
			return h.run(ctx, m)
		}
	}
	if h := f.anyHandler(); h != nil {
		return h.run(ctx, m)
	}
	return f.unexpected(fmt.Sprintf("%q", m.Type))
}

// JSONType returns the one JSON type that the function handles. It reports
// false if there is none, or more than one: then plain JSON would not say what
// it is.
func (f *Function) JSONType() (TypeName, bool) {
	name := TypeName("")
	for _, h := range f.Handlers {
		if !h.isJSON {
			continue
		}
		if name != "" {
			return "", false
		}
		name = h.accepts
	}
	return name, name != ""
}

// AsyncOperations returns the names of the asynchronous operations whose results
// the function handles, in the order of its handlers.
func (f *Function) AsyncOperations() []string {
	var names []string
	for _, h := range f.Handlers {
		if h.async != "" {
			names = append(names, h.async)
		}
	}
	return names
}

// invokeResult hands the result of asynchronous work to its operation's handler.
func (f *Function) invokeResult(ctx Context, m Message) error {
	r, err := DecodeAsyncResult(m.Value)
	if err != nil {
		return Permanent(err)
	}
	for i := range f.Handlers {
		if h := &f.Handlers[i]; h.result != nil && h.async == r.Name {
			return h.result(ctx, r)
		}
	}
	if h := f.anyHandler(); h != nil {
		return h.run(ctx, m)
	}
	return f.unexpected(fmt.Sprintf("a result of %q", r.Name))
}

// anyHandler returns the OnAny handler, nil if there is none.
func (f *Function) anyHandler() *Handler {
	for i := range f.Handlers {
		if h := &f.Handlers[i]; h.accepts == "" && h.run != nil {
			return h
		}
	}
	return nil
}

func (f *Function) unexpected(what string) error {
	return Permanent(fmt.Errorf("functions: %s got %s, but handles %s", f.Type, what, f.handled()))
}

func (f *Function) handled() string {
	names := make([]string, 0, len(f.Handlers))
	for _, h := range f.Handlers {
		names = append(names, h.String())
	}
	return strings.Join(names, ", ")
}

func (f *Function) checkStates() (errs []error) {
	names := map[string]bool{}
	for i, s := range f.States {
		if err := checkState(s); err != nil {
			errs = append(errs, fmt.Errorf("States[%d]: %w", i, err))
			continue
		}
		if name := s.Spec().Name; names[name] {
			errs = append(errs, fmt.Errorf("States[%d]: a state %q is declared twice", i, name))
		} else {
			names[name] = true
		}
	}
	return errs
}

func (f *Function) checkHandlers() (errs []error) {
	if len(f.Handlers) == 0 {
		errs = append(errs, errors.New("Handlers: at least one is needed"))
	}
	seen := map[string]bool{}
	for i, h := range f.Handlers {
		if err := h.check(); err != nil {
			errs = append(errs, fmt.Errorf("Handlers[%d]: %w", i, err))
		} else if seen[h.String()] {
			errs = append(errs, fmt.Errorf("Handlers[%d]: %s is handled twice", i, h))
		}
		seen[h.String()] = true
	}
	return errs
}
