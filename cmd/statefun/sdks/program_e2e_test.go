//go:build e2e

package sdks

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/statefun-go/statefun/functions"
)

const programType functions.TypeName = "sdks/program"

// program is a message for the interpreters; see doc.go.
type program struct {
	From string `json:"from,omitempty"`
	N    int    `json:"n,omitempty"`
	Ops  []op   `json:"ops"`
}

type op struct {
	Op      string   `json:"op"`
	State   string   `json:"state,omitempty"`
	Else    string   `json:"else,omitempty"`
	Value   int64    `json:"value,omitempty"`
	To      string   `json:"to,omitempty"`
	ID      string   `json:"id,omitempty"`
	Program *program `json:"program,omitempty"`
	DelayMS int64    `json:"delay,omitempty"`
	Token   string   `json:"token,omitempty"`
	Text    string   `json:"text,omitempty"`
	Key     string   `json:"key,omitempty"`
	Times   int      `json:"times,omitempty"`
}

func add(state string, value int64) op { return op{Op: "add", State: state, Value: value} }
func set(state string, value int64) op { return op{Op: "set", State: state, Value: value} }
func clearing(state string) op         { return op{Op: "clear", State: state} }
func reply(state string) op            { return op{Op: "reply", State: state} }
func emit(text string) op              { return op{Op: "emit", Text: text} }
func cancel(token string) op           { return op{Op: "cancel", Token: token} }

func send(s *sdk, id string, ops ...op) op {
	return op{Op: "send", To: s.function("program"), ID: id, Program: &program{Ops: ops}}
}

// after is a message with a delay. An empty token is none.
func after(ms int64, token string, s *sdk, id string, ops ...op) op {
	return op{Op: "after", DelayMS: ms, Token: token, To: s.function("program"), ID: id, Program: &program{Ops: ops}}
}

// driver is the sender of the messages that come from outside.
const driver = "driver"

// number makes the next message of the driver to an address. Those of one address are
// to be sent one after the other.
func (n *node) number(s *sdk, id string, ops []op) (value []byte, key string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	to := at(s.function("program"), id)
	n.told[to]++
	value, err := json.Marshal(&program{From: driver, N: n.told[to], Ops: ops})
	if err != nil {
		n.t.Fatal(err)
	}
	return value, fmt.Sprintf("%s %d", to, n.told[to])
}

// tell has a program accepted.
func (n *node) tell(s *sdk, id string, ops ...op) {
	n.t.Helper()
	value, key := n.number(s, id, ops)
	n.send(at(s.function("program"), id), programType, key, value)
}

// ask waits for the reply to a program.
func (n *node) ask(s *sdk, id string, ops ...op) string {
	n.t.Helper()
	value, _ := n.number(s, id, ops)
	status, answer, err := n.request(http.MethodPost, at(s.function("program"), id)+"?call&timeout=30s", value, contentType(programType))
	if err != nil || status != http.StatusOK {
		n.t.Fatalf("%s: status %d: %s, %v; quarantine: %s", id, status, answer, err, n.quarantined())
	}
	text, err := functions.String.Decode(answer)
	if err != nil {
		n.t.Fatalf("%q: %v", answer, err)
	}
	return text
}
