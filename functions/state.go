package functions

import "time"

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
