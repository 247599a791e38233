package actors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Idempotency keys. A message with a key goes to a grain of its own, named after
// the target and the key, which passes the first one on and remembers what came
// of it for all that follow. So keys are as durable and as exact as any state,
// and expire like one.

const (
	onceType        functions.TypeName = reservedNamespace + "/once"
	onceRequestType functions.TypeName = reservedNamespace + "/once.request"
	onceFailureType functions.TypeName = reservedNamespace + "/once.failure"
)

// onceRequest is a message with its key, before it is passed on.
type onceRequest struct {
	Target functions.Address  `json:"target"`
	Type   functions.TypeName `json:"type"`
	Value  []byte             `json:"value"`
	Call   bool               `json:"call"` // the client waits for a reply
}

// onceRecord is what is remembered of a key.
type onceRecord struct {
	Hash     []byte             `json:"hash"`
	Waiting  []string           `json:"waiting,omitempty"`
	Answered bool               `json:"answered,omitempty"`
	Type     functions.TypeName `json:"type,omitempty"`
	Value    []byte             `json:"value,omitempty"`
	Failure  string             `json:"failure,omitempty"`
}

// maxClients wait for the answer to one key; the oldest gives way.
const maxClients = 16

func newOnce(o *Options) *function {
	record := functions.Value("record", functions.Bytes(reservedNamespace+"/once.record")).
		ExpireAfterWrite(o.IdempotencyKept)
	f := newFunction(&functions.Function{
		Type: onceType, States: []functions.State{record},
		Handlers: []functions.Handler{functions.OnAny(unused)},
	}, o)
	spec := record.Spec()
	f.native = func(inv *invocation, m *persistence.Message) error { return inv.once(spec, m) }
	return f
}

// unused stands where the native function runs.
func unused(functions.Context, functions.Message) error { return nil }

// SendOnce is Send with an idempotency key: a second message with the same key to
// the same address is accepted without effect if it is equal, and answered with
// Conflict if it differs.
func (e *Engine) SendOnce(ctx context.Context, key string, to functions.Address, m functions.Message) (Answer, error) {
	return e.sendOnce(ctx, key, to, m, false)
}

// CallOnce is Call with an idempotency key: a second call with the same key and
// message gets the answer of the first, once there is one.
func (e *Engine) CallOnce(ctx context.Context, key string, to functions.Address, m functions.Message) (Answer, error) {
	return e.sendOnce(ctx, key, to, m, true)
}

func (e *Engine) sendOnce(ctx context.Context, key string, to functions.Address, m functions.Message, call bool) (Answer, error) {
	if err := e.admit(to, m); err != nil {
		return Answer{}, err
	}
	request, err := json.Marshal(onceRequest{to, m.Type, m.Value, call})
	if err != nil {
		return Answer{}, fmt.Errorf("actors: %w", err)
	}
	// The key comes first and has its length before it: no two pairs meet.
	id := sha256.Sum256(fmt.Appendf(nil, "%d:%s:%s", len(key), key, to))
	once := functions.Address{Type: onceType, ID: hex.EncodeToString(id[:])}
	return e.wait(ctx, func(client functions.Address) error {
		return e.send(ctx, client, once, functions.Message{Type: onceRequestType, Value: request})
	})
}

// once handles a message of the grain of a key.
func (inv *invocation) once(spec *functions.StateSpec, m *persistence.Message) error {
	var r onceRecord
	b, known := inv.GetValue(spec)
	if known {
		if err := json.Unmarshal(b, &r); err != nil {
			return functions.Permanent(err)
		}
	}
	if m.Type == onceRequestType {
		return inv.onceRequest(spec, m, r, known)
	}
	if !known || r.Answered {
		inv.engine.metrics.lateReplies.Add(1)
		return nil
	}
	r.Answered = true
	if m.Type == onceFailureType {
		r.Failure = string(m.Value)
	} else {
		r.Type, r.Value = m.Type, m.Value
	}
	for _, client := range r.Waiting {
		inv.reply(client, r.answer())
	}
	r.Waiting = nil
	return inv.remember(spec, r)
}

func (inv *invocation) onceRequest(spec *functions.StateSpec, m *persistence.Message, r onceRecord, known bool) error {
	hash := sha256.Sum256(m.Value)
	client := m.Caller.ID
	var req onceRequest
	if err := json.Unmarshal(m.Value, &req); err != nil {
		return functions.Permanent(err)
	}
	switch {
	case known && !slices.Equal(r.Hash, hash[:]):
		inv.reply(client, Answer{Conflict: true})
		return nil
	case known && (!req.Call || r.Answered):
		inv.reply(client, r.answer())
		return nil
	case !known:
		r.Hash = hash[:]
		caller := functions.Address{}
		if req.Call {
			caller = m.Target
		} else {
			inv.reply(client, Answer{})
		}
		inv.sendAs(caller, req.Target, functions.Message{Type: req.Type, Value: req.Value})
	}
	if req.Call {
		r.Waiting = append(r.Waiting, client)
		r.Waiting = r.Waiting[max(0, len(r.Waiting)-maxClients):]
	}
	return inv.remember(spec, r)
}

func (r *onceRecord) answer() Answer {
	return Answer{Message: functions.Message{Type: r.Type, Value: r.Value}, Failure: r.Failure}
}

func (inv *invocation) reply(client string, a Answer) {
	inv.effects.replies = append(inv.effects.replies, reply{client, a})
}

func (inv *invocation) remember(spec *functions.StateSpec, r onceRecord) error {
	b, err := json.Marshal(r)
	if err != nil {
		return functions.Permanent(err)
	}
	// Larger than what it remembers, and so perhaps than other values may be.
	if i := inv.find(spec); i >= 0 && inv.account(0, len(b)) {
		inv.write(i, b, true)
	}
	return nil
}

// failureMessage tells the grain of a key that the message was quarantined.
func failureMessage(m *persistence.Message, why string) *persistence.Message {
	return &persistence.Message{Target: m.Caller, Caller: m.Target, Type: onceFailureType, Value: []byte(why)}
}
