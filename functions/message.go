package functions

// Message is a value on its way: opaque bytes and the name of their type.
// Make one with Type.Of; it is immutable once made.
type Message struct {
	Type  TypeName
	Value []byte

	err error // why encoding failed; surfaces where the message is used
}

// Err reports why the value could not be encoded, nil for a good message.
func (m Message) Err() error { return m.err }
