package functions

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// StateKind is the shape of a state.
type StateKind uint8

const (
	// KindValue is a single value.
	KindValue StateKind = iota + 1
	// KindList is an append-only list; every entry is stored by itself.
	KindList
	// KindMap is a map from strings; every entry is stored by itself.
	KindMap
)

// ExpireMode says what restarts the life of a state.
type ExpireMode uint8

const (
	// ExpireNever keeps a state until it is cleared.
	ExpireNever ExpireMode = iota
	// ExpireAfterWrite removes a state some time after it was last written.
	ExpireAfterWrite
	// ExpireAfterInvoke removes a state some time after the last invocation
	// of its address, whether or not that read or wrote it.
	ExpireAfterInvoke
)

// StateSpec describes one state of a function type. Runtimes compare specs by
// pointer first, so a spec is declared once and never copied or changed.
type StateSpec struct {
	// Name is unique within the function type.
	Name string
	Kind StateKind
	// Type is the type of the value, or of each entry.
	Type TypeName
	// Mode and TTL say when the state (a list or a map as a whole) expires.
	Mode ExpireMode
	TTL  time.Duration
}

// MaxStateNameBytes is the longest name of a state.
const MaxStateNameBytes = 1 << 10

// Validate reports what is wrong with the spec, nil if nothing is.
func (s *StateSpec) Validate() error {
	switch {
	case s.Name == "" || len(s.Name) > MaxStateNameBytes || !utf8.ValidString(s.Name):
		return fmt.Errorf("functions: invalid state name %q: must be 1 to %d bytes of UTF-8", clip(s.Name), MaxStateNameBytes)
	case s.Kind < KindValue || s.Kind > KindMap:
		return fmt.Errorf("functions: state %q is of unknown %v", s.Name, s.Kind)
	case s.Mode > ExpireAfterInvoke:
		return fmt.Errorf("functions: state %q has the unknown expire mode %d", s.Name, s.Mode)
	case s.Mode != ExpireNever && s.TTL <= 0:
		return fmt.Errorf("functions: state %q expires after %v: must be more than 0", s.Name, s.TTL)
	}
	if _, err := ParseTypeName(string(s.Type)); err != nil {
		return fmt.Errorf("functions: state %q: %w", s.Name, err)
	}
	return nil
}

func (s *StateSpec) expire(mode ExpireMode, ttl time.Duration) { s.Mode, s.TTL = mode, ttl }

// String returns "value", "list" or "map".
func (k StateKind) String() string {
	switch k {
	case KindValue:
		return "value"
	case KindList:
		return "list"
	case KindMap:
		return "map"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// State is a declared state of any kind: a *[ValueState], *[ListState] or
// *[MapState].
type State interface {
	// Spec describes the state to runtimes. It is always the same pointer.
	Spec() *StateSpec
	// AsJSON shows the bytes of the value, or of one entry, as JSON.
	AsJSON(value []byte) ([]byte, error)

	// checkType reports why the state's type cannot be used.
	checkType() error
}

// checkState reports what is wrong with a declaration.
func checkState(s State) error {
	if s == nil {
		return errors.New("functions: nil state")
	}
	if err := s.checkType(); err != nil {
		return fmt.Errorf("functions: state %q: %w", s.Spec().Name, err)
	}
	return s.Spec().Validate()
}
