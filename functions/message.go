package functions

import (
	"errors"
	"fmt"
)

// Message is a value on its way: opaque bytes and the name of their type.
// Make one with [Type.Of], read one with [Type.From]. It is immutable once
// made: nobody may change Value.
type Message struct {
	Type  TypeName
	Value []byte

	err error // why encoding failed; surfaces where the message is used
}

// Err reports why the value could not be encoded, nil for a good message.
func (m Message) Err() error { return m.err }

// String shows the type and the beginning of the value, for logs and tests.
func (m Message) String() string {
	if m.err != nil {
		return fmt.Sprintf("%s (%v)", m.Type, m.err)
	}
	return fmt.Sprintf("%s %q", m.Type, clip(string(m.Value[:min(len(m.Value), 2*clipBytes)])))
}

// check reports why the message cannot be sent.
func (m Message) check() error {
	switch {
	case m.err != nil:
		return m.err
	case m.Type == "":
		return errors.New("functions: message without a type: make one with Type.Of")
	}
	return nil
}
