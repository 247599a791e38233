package programs

import (
	"encoding/json"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// A Program is a tree of operations that travels as a message: each node runs at
// one address and sends its children on. Whatever the order of events, and
// however often the node crashes, each node runs exactly once; so the final
// state of every address is known from the tree alone.
type Program struct {
	ID   string `json:"id"`   // where it runs; one that begins with b is of BlockingType
	From string `json:"from"` // the sender, "" for the driver
	N    int    `json:"n"`    // its number among the messages from From to ID, 0: unordered
	U    int    `json:"u"`    // its number among all programs
	Due  int64  `json:"due"`  // not to run before, milliseconds since 1970
	Add  int64  `json:"add"`
	// Fail attempts fail first, one of them by a panic.
	Fail    int        `json:"fail,omitempty"`
	Append  bool       `json:"append,omitempty"`
	Emit    bool       `json:"emit,omitempty"`
	Async   bool       `json:"async,omitempty"`
	Touch   uint64     `json:"touch,omitempty"`  // seed of random changes of state, see shadow
	Send    []*Program `json:"send,omitempty"`   // at once
	After   []*Program `json:"after,omitempty"`  // delayed by DelayMS
	Never   *Program   `json:"never,omitempty"`  // delayed, then cancelled at once
	Cancel  *Program   `json:"cancel,omitempty"` // delayed for long, with a token; a child cancels it
	Token   string     `json:"token,omitempty"`
	Revoke  string     `json:"revoke,omitempty"`
	DelayMS int        `json:"delay,omitempty"`

	// The rest needs a Machine and a Book.
	Pad     int  `json:"pad,omitempty"`   // bytes that make the message larger
	PauseMS int  `json:"pause,omitempty"` // of the first attempt; beyond Deadline it fails
	Exit    bool `json:"exit,omitempty"`  // the first attempt ends its goroutine
	Doom    Doom `json:"doom,omitempty"`
}

// Doom is what becomes of a program that fails for good: it is quarantined.
type Doom int

// The ends of a quarantined program.
const (
	NoDoom    Doom = iota
	DoomRetry      // it is healed, and retried
	DoomDrop       // it is dropped, and its children with it
)

// The names that the programs use.
const (
	Type         functions.TypeName = "sim/program"
	BlockingType functions.TypeName = "sim/blocking"
	MessageType  functions.TypeName = "sim/message"
	Egress       functions.TypeName = "sim/out"
)

// Address is where programs of an id run.
func Address(id string) functions.Address {
	if strings.HasPrefix(id, "b") {
		return BlockingType.At(id)
	}
	return Type.At(id)
}

// Encode returns the message that carries the whole program, of type MessageType.
func (p *Program) Encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}
