package functions

import (
	"fmt"
	"iter"
	"time"
)

// ListState is a handle on a state that holds a list, which grows at its end and
// shrinks at its beginning. Every entry is stored by itself: appending to a long
// list costs no more than to a short one. A ListState is safe for concurrent use:
// what it reads and writes belongs to the Context it is given.
type ListState[T any] struct {
	spec StateSpec
	typ  Type[T]
}

// List declares a state that holds a list. Declare it once, in a package-level
// variable, and list it in [Function.States].
func List[T any](name string, t Type[T]) *ListState[T] {
	return &ListState[T]{StateSpec{Name: name, Kind: KindList, Type: t.Name()}, t}
}

// ExpireAfterWrite makes the whole list disappear when d has passed since it was
// last changed. It is part of the declaration, and returns s.
func (s *ListState[T]) ExpireAfterWrite(d time.Duration) *ListState[T] {
	s.spec.expire(ExpireAfterWrite, d)
	return s
}

// ExpireAfterInvoke makes the whole list disappear when d has passed since the
// last invocation of its address. It is part of the declaration, and returns s.
func (s *ListState[T]) ExpireAfterInvoke(d time.Duration) *ListState[T] {
	s.spec.expire(ExpireAfterInvoke, d)
	return s
}

// Append adds values at the end.
func (s *ListState[T]) Append(ctx Context, values ...T) {
	for _, v := range values {
		b, err := s.typ.Encode(v)
		if !ctx.stateOK(&s.spec, err) {
			return
		}
		ctx.driver.ListAppend(&s.spec, b)
	}
}

// Len is the number of entries.
func (s *ListState[T]) Len(ctx Context) int { return ctx.driver.ListLen(&s.spec) }

// All iterates over positions and entries, the oldest, at position 0, first. It
// ends early at an entry that cannot be read, which fails the invocation.
// Whether it shows changes made meanwhile is not specified.
func (s *ListState[T]) All(ctx Context) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, b := range ctx.driver.ListEntries(&s.spec) {
			v, err := s.typ.Decode(b)
			if !ctx.stateOK(&s.spec, err) || !yield(i, v) {
				return
			}
		}
	}
}

// DropFirst removes the n oldest entries, all of them if there are fewer. A
// negative n fails the invocation.
func (s *ListState[T]) DropFirst(ctx Context, n int) {
	if n < 0 {
		ctx.stateOK(&s.spec, fmt.Errorf("drop the first %d entries", n))
		return
	}
	ctx.driver.ListDropFirst(&s.spec, n)
}

// Clear removes all entries.
func (s *ListState[T]) Clear(ctx Context) { ctx.driver.ListClear(&s.spec) }

// Spec implements State.
func (s *ListState[T]) Spec() *StateSpec { return &s.spec }

// AsJSON implements State.
func (s *ListState[T]) AsJSON(b []byte) ([]byte, error) { return s.typ.AsJSON(b) }

func (s *ListState[T]) checkType() error { return s.typ.check() }
