package hop

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/statefun-go/statefun/functions"
)

const (
	// Type is the function. Its ids are the numbers from 0 on, in decimal.
	Type functions.TypeName = "bench.remote/hop"
	// State is its only state, a Long: how many messages the address has had.
	State = "seen"
	// Ended is the egress that gets the message of a chain after its last hop.
	Ended functions.Egress = "bench.remote/ended"
)

// Payload is the type of the messages: a [Chain], and bytes that are passed on.
var Payload = functions.NewType("bench.remote/payload",
	func(b []byte) ([]byte, error) { return b, nil },
	func(b []byte) ([]byte, error) { return b, nil })

// Chain is what the first bytes of a message say: three big-endian numbers, one after
// the other.
type Chain struct {
	// Left is how many hops are left, the current one included. With 0 the message
	// is only counted: it goes nowhere, not to the egress either.
	Left uint16
	// Addresses is how many there are to choose the next one from.
	Addresses uint32
	// Number tells chains apart. Functions pass it on.
	Number uint64
}

// Bytes is the size of a Chain in a message, so the least that a message has.
const Bytes = 2 + 4 + 8

// Put writes the chain to the beginning of b, which has at least Bytes.
func (c Chain) Put(b []byte) {
	binary.BigEndian.PutUint16(b, c.Left)
	binary.BigEndian.PutUint32(b[2:], c.Addresses)
	binary.BigEndian.PutUint64(b[6:], c.Number)
}

// Read reads the chain of a message.
func Read(b []byte) (Chain, error) {
	if len(b) < Bytes {
		return Chain{}, fmt.Errorf("hop: expected a message of %d bytes or more, found %d", Bytes, len(b))
	}
	return Chain{binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint64(b[6:])}, nil
}

// Step is what an address does with a message.
type Step struct {
	// To is the id that the message goes to, "" if it goes to no function.
	To string
	// Message is a copy that says that there is one hop less.
	Message []byte
	// Ends says that the message goes to the egress.
	Ends bool
}

// Next decides what becomes of a message.
func Next(b []byte) (Step, error) {
	c, err := Read(b)
	if err != nil || c.Left == 0 {
		return Step{}, err
	}
	c.Left--
	s := Step{Message: append([]byte(nil), b...), Ends: c.Left == 0}
	c.Put(s.Message)
	if !s.Ends {
		s.To = ID(rand.Uint32N(max(1, c.Addresses)))
	}
	return s, nil
}

// ID is the id of an address.
func ID(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
