package protocol

import (
	"github.com/statefun-go/statefun/functions"
)

// ToFunction is a request. The protocol has one kind, Invocation; one that holds
// none is of a later version, or empty.
type ToFunction struct {
	Invocation InvocationBatchRequest
}

// InvocationBatchRequest asks for invocations of one address, one after the other.
// Their effects count together, or not at all.
type InvocationBatchRequest struct {
	// Present tells an empty batch from an absent one, as in [TypedValue].
	Present bool
	Target  functions.Address
	// State holds all states that the runtime knows of, also those that the
	// address does not have.
	State []PersistedValue
	// Invocations are in the order of their arrival, at least one.
	Invocations []Invocation
}

// PersistedValue is one state of an address.
type PersistedValue struct {
	StateName string
	// StateValue is absent if the address does not have the state.
	StateValue TypedValue
}

// Invocation is one message to the target.
type Invocation struct {
	// Caller is the sending function, the zero Address for a message from an
	// ingress. One that is present but empty has the type "/".
	Caller   functions.Address
	Argument TypedValue
}

// Size is the number of bytes that Append adds.
func (m *ToFunction) Size() int {
	if !m.Invocation.present() {
		return 0
	}
	return sizeMember(m.Invocation.size())
}

// Append adds the encoding of m to b and returns it, as append does. Strings must
// be valid UTF-8, or nobody can read them.
func (m *ToFunction) Append(b []byte) []byte {
	if !m.Invocation.present() {
		return b
	}
	n := m.Invocation.size()
	b = grow(b, sizeMember(n))
	return m.Invocation.append(appendMember(b, fieldInvocation, n))
}

// Reset empties m and keeps its slices for the next use, unless they are large.
func (m *ToFunction) Reset() {
	r := &m.Invocation
	*r = InvocationBatchRequest{State: emptied(r.State), Invocations: emptied(r.Invocations)}
}

// Size is the number of bytes that p adds to a request.
func (p *PersistedValue) Size() int { return sizeMessage(p.size()) }

// Size is the number of bytes that i adds to a request.
func (i *Invocation) Size() int { return sizeMessage(i.size()) }

func (r *InvocationBatchRequest) present() bool {
	return r.Present || !r.Target.IsZero() || len(r.State) > 0 || len(r.Invocations) > 0
}

func (r *InvocationBatchRequest) size() int {
	n := sizeAddress(r.Target)
	for i := range r.State {
		n += r.State[i].Size()
	}
	for i := range r.Invocations {
		n += r.Invocations[i].Size()
	}
	return n
}

func (r *InvocationBatchRequest) append(b []byte) []byte {
	b = appendAddress(b, 1, r.Target)
	for i := range r.State {
		p := &r.State[i]
		b = appendLength(b, 2, p.size())
		b = appendText(b, 1, p.StateName)
		b = appendValue(b, 2, &p.StateValue)
	}
	for i := range r.Invocations {
		v := &r.Invocations[i]
		b = appendLength(b, 3, v.size())
		b = appendAddress(b, 1, v.Caller)
		b = appendValue(b, 2, &v.Argument)
	}
	return b
}

func (p *PersistedValue) size() int { return sizeText(p.StateName) + sizeValue(&p.StateValue) }

func (i *Invocation) size() int { return sizeAddress(i.Caller) + sizeValue(&i.Argument) }

// keptElements is the largest slice that is kept for another use.
const keptElements = 1024

// emptied is a slice to fill again that keeps nothing alive.
func emptied[T any](s []T) []T {
	if cap(s) > keptElements {
		return nil
	}
	clear(s)
	return s[:0]
}
