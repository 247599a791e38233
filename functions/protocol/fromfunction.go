package protocol

import (
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// FromFunction is the response to a ToFunction. At most one of its members is
// present; if both are, the second counts. If neither is, the invocations
// succeeded without any effect: this is what no bytes at all mean.
type FromFunction struct {
	InvocationResult            InvocationResponse
	IncompleteInvocationContext IncompleteInvocationContext
}

// InvocationResponse is what a batch of invocations did. It takes effect in this
// order: OutgoingMessages, DelayedInvocations, OutgoingEgresses, StateMutations.
type InvocationResponse struct {
	// Present tells an empty response from an absent one, as in [TypedValue].
	Present            bool
	StateMutations     []PersistedValueMutation
	OutgoingMessages   []OutgoingMessage
	DelayedInvocations []DelayedInvocation
	OutgoingEgresses   []EgressMessage
}

// MutationType is what becomes of a state. Values beyond those named here are of
// a later version; they are kept as they came.
type MutationType int32

// The kinds of mutations.
const (
	Delete MutationType = 0
	Modify MutationType = 1
)

// PersistedValueMutation changes or removes a state of the target.
type PersistedValueMutation struct {
	MutationType MutationType
	StateName    string
	// StateValue is the new value of a Modify. Runtimes do not look at its HasValue.
	StateValue TypedValue
}

// OutgoingMessage (FromFunction.Invocation in the .proto file) is a message to a
// function.
type OutgoingMessage struct {
	Target   functions.Address
	Argument TypedValue
}

// DelayedInvocation sends a message later, or takes such a message back.
type DelayedInvocation struct {
	// DelayMillis (delay_in_ms) is not negative; 0 is allowed.
	DelayMillis int64
	Target      functions.Address
	Argument    TypedValue
	// IsCancellation (is_cancellation_request) takes back the message that was
	// sent under CancellationToken; nothing else is set then.
	IsCancellation    bool
	CancellationToken string
}

// EgressMessage is a record for the egress "EgressNamespace/EgressType".
type EgressMessage struct {
	// Egress is the zero TypeName if namespace and type are empty.
	Egress   functions.TypeName
	Argument TypedValue
}

// IncompleteInvocationContext asks for the same invocations again, with states
// that the runtime did not know of.
type IncompleteInvocationContext struct {
	// Present tells an empty context from an absent one, as in [TypedValue].
	Present       bool
	MissingValues []PersistedValueSpec
}

// PersistedValueSpec declares a state.
type PersistedValueSpec struct {
	StateName      string
	ExpirationSpec ExpirationSpec
	// TypeTypename is the type of the values.
	TypeTypename functions.TypeName
}

// ExpireMode says what restarts the life of a state. Values beyond those named
// here are of a later version; they are kept as they came.
type ExpireMode int32

// The modes of expiration.
const (
	ExpireNone        ExpireMode = 0
	ExpireAfterWrite  ExpireMode = 1
	ExpireAfterInvoke ExpireMode = 2
)

// ExpirationSpec says when a state expires. An absent one means never.
type ExpirationSpec struct {
	// Present tells an empty spec from an absent one, as in [TypedValue].
	Present           bool
	Mode              ExpireMode
	ExpireAfterMillis int64
}

// String returns the name in the .proto file.
func (t MutationType) String() string {
	switch t {
	case Delete:
		return "DELETE"
	case Modify:
		return "MODIFY"
	}
	return fmt.Sprintf("mutation type %d", int32(t))
}

// String returns the name in the .proto file.
func (m ExpireMode) String() string {
	switch m {
	case ExpireNone:
		return "NONE"
	case ExpireAfterWrite:
		return "AFTER_WRITE"
	case ExpireAfterInvoke:
		return "AFTER_INVOKE"
	}
	return fmt.Sprintf("expire mode %d", int32(m))
}

// Size is the number of bytes that Append adds.
func (m *FromFunction) Size() int {
	switch {
	case m.IncompleteInvocationContext.present():
		return sizeMember(m.IncompleteInvocationContext.size())
	case m.InvocationResult.present():
		return sizeMember(m.InvocationResult.size())
	}
	return 0
}

// Append adds the encoding of m to b and returns it, as append does. Strings must
// be valid UTF-8, or nobody can read them.
func (m *FromFunction) Append(b []byte) []byte {
	switch {
	case m.IncompleteInvocationContext.present():
		n := m.IncompleteInvocationContext.size()
		b = grow(b, sizeMember(n))
		return m.IncompleteInvocationContext.append(appendMember(b, fieldIncomplete, n))
	case m.InvocationResult.present():
		n := m.InvocationResult.size()
		b = grow(b, sizeMember(n))
		return m.InvocationResult.append(appendMember(b, fieldResult, n))
	}
	return b
}

// Reset empties m and keeps its slices for the next use, unless they are large.
func (m *FromFunction) Reset() {
	m.InvocationResult.reset()
	m.IncompleteInvocationContext.reset()
}

func (r *InvocationResponse) reset() {
	*r = InvocationResponse{
		StateMutations:     emptied(r.StateMutations),
		OutgoingMessages:   emptied(r.OutgoingMessages),
		DelayedInvocations: emptied(r.DelayedInvocations),
		OutgoingEgresses:   emptied(r.OutgoingEgresses),
	}
}

func (c *IncompleteInvocationContext) reset() {
	*c = IncompleteInvocationContext{MissingValues: emptied(c.MissingValues)}
}

func (r *InvocationResponse) present() bool {
	return r.Present || len(r.StateMutations) > 0 || len(r.OutgoingMessages) > 0 ||
		len(r.DelayedInvocations) > 0 || len(r.OutgoingEgresses) > 0
}

func (c *IncompleteInvocationContext) present() bool { return c.Present || len(c.MissingValues) > 0 }

func (s *ExpirationSpec) present() bool {
	return s.Present || s.Mode != ExpireNone || s.ExpireAfterMillis != 0
}

func (r *InvocationResponse) size() (n int) {
	for i := range r.StateMutations {
		n += sizeMessage(r.StateMutations[i].size())
	}
	for i := range r.OutgoingMessages {
		n += sizeMessage(r.OutgoingMessages[i].size())
	}
	for i := range r.DelayedInvocations {
		n += sizeMessage(r.DelayedInvocations[i].size())
	}
	for i := range r.OutgoingEgresses {
		n += sizeMessage(r.OutgoingEgresses[i].size())
	}
	return n
}

func (r *InvocationResponse) append(b []byte) []byte {
	for i := range r.StateMutations {
		b = r.StateMutations[i].append(b)
	}
	for i := range r.OutgoingMessages {
		b = r.OutgoingMessages[i].append(b)
	}
	for i := range r.DelayedInvocations {
		b = r.DelayedInvocations[i].append(b)
	}
	for i := range r.OutgoingEgresses {
		b = r.OutgoingEgresses[i].append(b)
	}
	return b
}

func (m *PersistedValueMutation) size() int {
	return sizeVarint(uint64(m.MutationType)) + sizeText(m.StateName) + sizeValue(&m.StateValue)
}

func (m *PersistedValueMutation) append(b []byte) []byte {
	b = appendLength(b, 1, m.size())
	b = appendVarint(b, 1, uint64(m.MutationType))
	b = appendText(b, 2, m.StateName)
	return appendValue(b, 3, &m.StateValue)
}

func (m *OutgoingMessage) size() int { return sizeAddress(m.Target) + sizeValue(&m.Argument) }

func (m *OutgoingMessage) append(b []byte) []byte {
	b = appendLength(b, 2, m.size())
	b = appendAddress(b, 1, m.Target)
	return appendValue(b, 2, &m.Argument)
}

func (d *DelayedInvocation) size() int {
	return sizeVarint(uint64(d.DelayMillis)) + sizeAddress(d.Target) + sizeValue(&d.Argument) +
		sizeBool(d.IsCancellation) + sizeText(d.CancellationToken)
}

func (d *DelayedInvocation) append(b []byte) []byte {
	b = appendLength(b, 3, d.size())
	b = appendVarint(b, 1, uint64(d.DelayMillis))
	b = appendAddress(b, 2, d.Target)
	b = appendValue(b, 3, &d.Argument)
	b = appendBool(b, 10, d.IsCancellation)
	return appendText(b, 11, d.CancellationToken)
}

func (e *EgressMessage) size() int {
	return sizeText(e.Egress.Namespace()) + sizeText(e.Egress.Name()) + sizeValue(&e.Argument)
}

func (e *EgressMessage) append(b []byte) []byte {
	b = appendLength(b, 4, e.size())
	b = appendText(b, 1, e.Egress.Namespace())
	b = appendText(b, 2, e.Egress.Name())
	return appendValue(b, 3, &e.Argument)
}

func (c *IncompleteInvocationContext) size() (n int) {
	for i := range c.MissingValues {
		n += sizeMessage(c.MissingValues[i].size())
	}
	return n
}

func (c *IncompleteInvocationContext) append(b []byte) []byte {
	for i := range c.MissingValues {
		s := &c.MissingValues[i]
		b = appendLength(b, 1, s.size())
		b = appendText(b, 1, s.StateName)
		if e := &s.ExpirationSpec; e.present() {
			b = appendLength(b, 2, e.size())
			b = appendVarint(b, 1, uint64(e.Mode))
			b = appendVarint(b, 2, uint64(e.ExpireAfterMillis))
		}
		b = appendText(b, 3, string(s.TypeTypename))
	}
	return b
}

func (s *PersistedValueSpec) size() int {
	n := sizeText(s.StateName) + sizeText(string(s.TypeTypename))
	if e := &s.ExpirationSpec; e.present() {
		n += sizeMessage(e.size())
	}
	return n
}

func (s *ExpirationSpec) size() int {
	return sizeVarint(uint64(s.Mode)) + sizeVarint(uint64(s.ExpireAfterMillis))
}
