package functions

import (
	"iter"
	"time"
)

// MapState is a handle on a state that holds a map from strings. Every entry is
// stored by itself: a large map is never read or rewritten whole. A MapState is
// safe for concurrent use: what it reads and writes belongs to the Context it is
// given.
type MapState[T any] struct {
	spec StateSpec
	typ  Type[T]
}

// Map declares a state that holds a map from strings. Declare it once, in a
// package-level variable, and list it in [Function.States].
func Map[T any](name string, t Type[T]) *MapState[T] {
	return &MapState[T]{StateSpec{Name: name, Kind: KindMap, Type: t.Name()}, t}
}

// ExpireAfterWrite makes the whole map disappear when d has passed since it was
// last changed. It is part of the declaration, and returns s.
func (s *MapState[T]) ExpireAfterWrite(d time.Duration) *MapState[T] {
	s.spec.expire(ExpireAfterWrite, d)
	return s
}

// ExpireAfterInvoke makes the whole map disappear when d has passed since the
// last invocation of its address. It is part of the declaration, and returns s.
func (s *MapState[T]) ExpireAfterInvoke(d time.Duration) *MapState[T] {
	s.spec.expire(ExpireAfterInvoke, d)
	return s
}

// Get returns the value of key and whether there is one; if not, the zero T.
func (s *MapState[T]) Get(ctx Context, key string) (T, bool) {
	var zero T
	b, ok := ctx.driver.MapEntry(&s.spec, key)
	if !ok {
		return zero, false
	}
	v, err := s.typ.Decode(b)
	if !ctx.stateOK(&s.spec, err) {
		return zero, false
	}
	return v, true
}

// Set stores v under key.
func (s *MapState[T]) Set(ctx Context, key string, v T) {
	b, err := s.typ.Encode(v)
	if ctx.stateOK(&s.spec, err) {
		ctx.driver.MapSet(&s.spec, key, b)
	}
}

// Delete removes key, if it is there.
func (s *MapState[T]) Delete(ctx Context, key string) { ctx.driver.MapDelete(&s.spec, key) }

// All iterates over keys and values in the byte order of the keys. It ends early
// at a value that cannot be read, which fails the invocation. Entries may be set
// and deleted meanwhile; whether it then shows those not yet reached as they are
// or as they were is not specified.
func (s *MapState[T]) All(ctx Context) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for key, b := range ctx.driver.MapEntries(&s.spec) {
			v, err := s.typ.Decode(b)
			if !ctx.stateOK(&s.spec, err) || !yield(key, v) {
				return
			}
		}
	}
}

// Clear removes all entries.
func (s *MapState[T]) Clear(ctx Context) { ctx.driver.MapClear(&s.spec) }

// Spec implements State.
func (s *MapState[T]) Spec() *StateSpec { return &s.spec }

// AsJSON implements State.
func (s *MapState[T]) AsJSON(b []byte) ([]byte, error) { return s.typ.AsJSON(b) }

func (s *MapState[T]) checkType() error { return s.typ.check() }
