package actors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Quarantined is a message that its function kept failing on.
type Quarantined struct {
	Address  functions.Address  `json:"address"`
	Sequence uint64             `json:"sequence"` // with the address it names the entry
	Caller   string             `json:"caller,omitempty"`
	Type     functions.TypeName `json:"type"`
	Value    []byte             `json:"value"`
	Error    string             `json:"error"`
	Attempts int                `json:"attempts"`
	Stack    string             `json:"stack,omitempty"`
	At       time.Time          `json:"at"`
	// State is what the last attempt saw.
	State []StateValue `json:"state"`

	caller functions.Address
}

// StateValue is a state's value with its name and type.
type StateValue struct {
	Name string             `json:"name"`
	Type functions.TypeName `json:"type"`
	// Kind is "value", "list" or "map". Of a list or map only the size is shown.
	Kind    string    `json:"kind"`
	Size    int       `json:"size"` // bytes of a value, entries of a list
	Value   []byte    `json:"value,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// quarantine sets the message aside in one transaction with its consumption.
func (w *worker) quarantine(inv *invocation) {
	g, m := inv.grain, inv.message
	q := Quarantined{
		Address: m.Target, Sequence: uint64(m.Sequence), Error: cmp.Or(inv.err.Error(), "an error without a text"), Attempts: g.attempts,
		Stack: string(inv.stack), At: time.UnixMilli(w.now), State: g.snapshot(),
	}
	inv.effects.reset()
	key := persistence.QuarantineKey(g.record.Group, m.Target, m.Sequence)
	inv.put(key, encodeQuarantined(&q, m))
	if isWaitingClient(m.Caller) {
		inv.effects.replies = append(inv.effects.replies, reply{m.Caller.ID, Answer{Failure: q.Error}})
	} else if m.Caller.Type == onceType {
		inv.effects.sends = append(inv.effects.sends, failureMessage(m, q.Error))
	}
	inv.fn.metrics.quarantined.Add(1)
	w.engine.quarantined.added(key, m.Sequence)
	w.engine.opts.Logger.Error("message quarantined", "address", m.Target.String(), "type", string(m.Type),
		"attempts", g.attempts, "error", q.Error)
	w.stage(inv, m)
}

// snapshot is the grain's state for people.
func (g *grain) snapshot() []StateValue {
	var out []StateValue
	states := *g.fn.states.Load()
	for i, c := range g.cells {
		if c.present {
			out = append(out, states[i].show(c.value, c.expires))
		}
	}
	return out
}

func (s *state) show(value []byte, expires int64) StateValue {
	return showState(s.Spec, value, expires)
}

func showState(s *persistence.Spec, value []byte, expires int64) StateValue {
	v := StateValue{Name: s.Name, Type: s.Type, Kind: "value", Size: len(value), Value: value}
	if expires != 0 {
		v.Expires = time.UnixMilli(expires)
	}
	if s.Kind == functions.KindValue {
		return v
	}
	e, _ := decodeEntries(value)
	v.Kind, v.Value, v.Size = "list", nil, int(e.end-e.first)
	if s.Kind == functions.KindMap {
		v.Kind, v.Size = "map", 0
	}
	return v
}

// quarantinedDetails is what a quarantine row holds besides the message.
type quarantinedDetails struct {
	Error    string       `json:"error"`
	Attempts int          `json:"attempts"`
	Stack    string       `json:"stack,omitempty"`
	At       time.Time    `json:"at"`
	State    []StateValue `json:"state,omitempty"`
}

func encodeQuarantined(q *Quarantined, m *persistence.Message) []byte {
	b := persistence.AppendMessage([]byte{1}, m)
	details, err := json.Marshal(quarantinedDetails{q.Error, q.Attempts, q.Stack, q.At, q.State})
	if err != nil { // a time out of range, say: the message counts
		details = []byte("{}")
	}
	return append(b, details...)
}

func decodeQuarantined(row persistence.Row) (Quarantined, error) {
	a, s, err := persistence.CutAddressSequence(row.Key)
	if err != nil {
		return Quarantined{}, err
	}
	if len(row.Value) == 0 || row.Value[0] != 1 {
		return Quarantined{}, fmt.Errorf("actors: quarantined message of unknown version at %x", row.Key)
	}
	m, rest, err := persistence.DecodeMessage(row.Value[1:], nil)
	if err != nil {
		return Quarantined{}, err
	}
	var d quarantinedDetails
	if err := json.Unmarshal(rest, &d); err != nil {
		return Quarantined{}, fmt.Errorf("actors: quarantined message at %x: %w", row.Key, err)
	}
	q := Quarantined{
		Address: a, Sequence: uint64(s), Type: m.Type, Value: m.Value, caller: m.Caller,
		Error: d.Error, Attempts: d.Attempts, Stack: d.Stack, At: d.At, State: d.State,
	}
	if !m.Caller.IsZero() {
		q.Caller = m.Caller.String()
	}
	return q, nil
}

// ErrNotQuarantined says that there is no such entry (any more).
var ErrNotQuarantined = errors.New("actors: no such message in quarantine")

// Quarantine visits the quarantined messages in the order of their addresses,
// until visit returns false. It may be called at any time.
func (e *Engine) Quarantine(visit func(Quarantined) bool) error {
	for g := range e.opts.KeyGroups {
		var inner error
		more := true
		err := e.journal.ScanAll(persistence.QuarantineRange(persistence.KeyGroup(g)), func(r persistence.Row) bool {
			var q Quarantined
			if q, inner = decodeQuarantined(r); inner != nil {
				return false
			}
			more = visit(q)
			return more
		})
		if err = errors.Join(err, inner); err != nil || !more {
			return err
		}
	}
	return nil
}

// QuarantinedMessage returns one entry, or ErrNotQuarantined.
func (e *Engine) QuarantinedMessage(a functions.Address, sequence uint64) (Quarantined, error) {
	key := e.quarantineKey(a, sequence)
	v, ok, err := e.journal.Get(key)
	if err != nil {
		return Quarantined{}, err
	}
	if !ok {
		return Quarantined{}, fmt.Errorf("%w: %s, sequence %d", ErrNotQuarantined, a, sequence)
	}
	return decodeQuarantined(persistence.Row{Key: key, Value: v})
}

func (e *Engine) quarantineKey(a functions.Address, sequence uint64) []byte {
	return persistence.QuarantineKey(e.journal.Group(a.ID), a, persistence.Sequence(sequence))
}

// Retry sends a quarantined message to its address again, behind everything
// that waits there.
func (e *Engine) Retry(ctx context.Context, a functions.Address, sequence uint64) error {
	return e.release(ctx, a, sequence, true)
}

// Drop removes a quarantined message for good.
func (e *Engine) Drop(ctx context.Context, a functions.Address, sequence uint64) error {
	return e.release(ctx, a, sequence, false)
}

func (e *Engine) release(ctx context.Context, a functions.Address, sequence uint64, again bool) error {
	e.quarantined.mu.Lock() // nobody releases the same message twice
	defer e.quarantined.mu.Unlock()
	out := e.ingress.arrival()
	if err := e.releasing(&out.tx, a, sequence, again); err != nil {
		return err
	}
	key := out.tx.Rows[0].Key
	if err := e.appendDurably(ctx, out); err != nil {
		return err
	}
	e.quarantined.released(key, persistence.Sequence(sequence))
	return nil
}

// releasing makes an empty transaction the one that takes a message out of
// quarantine. After an error it is still empty.
func (e *Engine) releasing(tx *persistence.Transaction, a functions.Address, sequence uint64, again bool) error {
	q, err := e.QuarantinedMessage(a, sequence)
	if err != nil {
		return err
	}
	if again && !e.has(a.Type) {
		return unknownFunction(a.Type)
	}
	tx.Rows = append(tx.Rows, persistence.Row{Key: e.quarantineKey(a, sequence), Delete: true})
	if again {
		tx.Sends = append(tx.Sends, &persistence.Message{Target: a, Caller: q.caller, Type: q.Type, Value: q.Value})
	}
	return nil
}
