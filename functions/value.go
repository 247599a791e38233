package functions

import "time"

// ValueState is a handle on a state that holds a single value. It is safe for
// concurrent use: what it reads and writes belongs to the Context it is given.
type ValueState[T any] struct {
	spec StateSpec
	typ  Type[T]
}

// Value declares a state that holds a single value. Declare it once, in a
// package-level variable, and list it in [Function.States].
func Value[T any](name string, t Type[T]) *ValueState[T] {
	return &ValueState[T]{StateSpec{Name: name, Kind: KindValue, Type: t.Name()}, t}
}

// ExpireAfterWrite makes the value disappear when d has passed since it was last
// set. It is part of the declaration, and returns s.
func (s *ValueState[T]) ExpireAfterWrite(d time.Duration) *ValueState[T] {
	s.spec.expire(ExpireAfterWrite, d)
	return s
}

// ExpireAfterInvoke makes the value disappear when d has passed since the last
// invocation of its address. It is part of the declaration, and returns s.
func (s *ValueState[T]) ExpireAfterInvoke(d time.Duration) *ValueState[T] {
	s.spec.expire(ExpireAfterInvoke, d)
	return s
}

// Get returns the value and whether there is one; if not, the zero T.
func (s *ValueState[T]) Get(ctx Context) (T, bool) {
	var zero T
	b, ok := ctx.driver.GetValue(&s.spec)
	if !ok {
		return zero, false
	}
	v, err := s.typ.Decode(b)
	if !ctx.stateOK(&s.spec, err) {
		return zero, false
	}
	return v, true
}

// GetOr returns the value, or fallback if there is none.
func (s *ValueState[T]) GetOr(ctx Context, fallback T) T {
	if v, ok := s.Get(ctx); ok {
		return v
	}
	return fallback
}

// Set stores v. A zero v is a value like any other.
func (s *ValueState[T]) Set(ctx Context, v T) {
	b, err := s.typ.Encode(v)
	if ctx.stateOK(&s.spec, err) {
		ctx.driver.SetValue(&s.spec, b)
	}
}

// Update stores what f makes of the value (the zero T if there is none), and
// returns it.
func (s *ValueState[T]) Update(ctx Context, f func(T) T) T {
	v, _ := s.Get(ctx)
	v = f(v)
	s.Set(ctx, v)
	return v
}

// Clear removes the value.
func (s *ValueState[T]) Clear(ctx Context) { ctx.driver.ClearValue(&s.spec) }

// Spec implements State.
func (s *ValueState[T]) Spec() *StateSpec { return &s.spec }

// AsJSON implements State.
func (s *ValueState[T]) AsJSON(b []byte) ([]byte, error) { return s.typ.AsJSON(b) }

func (s *ValueState[T]) checkType() error { return s.typ.check() }
