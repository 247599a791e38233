package protocol

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/statefun-go/statefun/functions"
)

// DefaultMaxElements is the default of [Decoder.MaxElements].
const DefaultMaxElements = 1 << 17

// Decoder reads messages. It remembers some of the names that it has read, so
// that the next messages need no copies of them; the zero Decoder is ready. It is
// not safe for concurrent use: keep one for each loop, or a pool of them.
type Decoder struct {
	// MaxElements is how many states, invocations, messages, mutations and so on
	// one message may have in all. It bounds the memory that an input takes: an
	// element may be 2 bytes long, and takes up to 150 in memory. Defaults to
	// DefaultMaxElements.
	MaxElements int

	elements int
	names    [nameSlots]string
}

const (
	nameSlots    = 256
	maxNameBytes = 256 // longer ones are not remembered
)

// ToFunction reads a request from b into m, whose contents are gone then, also if
// it fails. The slices of m are used again; bytes in it share the memory of b.
func (d *Decoder) ToFunction(b []byte, m *ToFunction) error {
	m.Reset()
	d.elements = 0
	if err := d.toFunction(b, m); err != nil {
		m.Reset()
		return at("ToFunction", err)
	}
	return nil
}

// FromFunction reads a response from b into m, whose contents are gone then, also
// if it fails. The slices of m are used again; bytes in it share the memory of b.
func (d *Decoder) FromFunction(b []byte, m *FromFunction) error {
	m.Reset()
	d.elements = 0
	if err := d.fromFunction(b, m); err != nil {
		m.Reset()
		return at("FromFunction", err)
	}
	return nil
}

// element counts one more element.
func (d *Decoder) element() error {
	most := d.MaxElements
	if most == 0 {
		most = DefaultMaxElements
	}
	if d.elements++; d.elements > most {
		return fmt.Errorf("%w: at most %d are allowed in one message", ErrTooMany, most)
	}
	return nil
}

// text reads a string that does not occur often.
func text(f *field, into *string) error {
	if err := f.must(protowire.BytesType); err != nil {
		return err
	}
	if !utf8.Valid(f.bytes) {
		return ErrText
	}
	*into = string(f.bytes)
	return nil
}

// name reads a string that occurs often.
func (d *Decoder) name(f *field, into *string) error {
	if err := f.must(protowire.BytesType); err != nil {
		return err
	}
	if len(f.bytes) == 0 || len(f.bytes) > maxNameBytes {
		return text(f, into)
	}
	slot := &d.names[xxhash.Sum64(f.bytes)%nameSlots]
	if *slot != string(f.bytes) {
		if !utf8.Valid(f.bytes) {
			return ErrText
		}
		*slot = string(f.bytes)
	}
	*into = *slot
	return nil
}

func (d *Decoder) typename(f *field, into *functions.TypeName) error {
	return d.name(f, (*string)(into))
}

// part reads a namespace or a type, which join puts together.
func part(f *field, into *[]byte) error {
	switch err := f.must(protowire.BytesType); {
	case err != nil:
		return err
	case bytes.IndexByte(f.bytes, '/') >= 0:
		return ErrSlash
	case !utf8.Valid(f.bytes):
		return ErrText
	}
	*into = f.bytes
	return nil
}

// join returns "namespace/name".
func (d *Decoder) join(namespace, name []byte) functions.TypeName {
	n := len(namespace)
	if n+1+len(name) > maxNameBytes {
		return functions.TypeName(string(namespace) + "/" + string(name))
	}
	hash := xxhash.Sum64(namespace) ^ xxhash.Sum64(name)*31
	slot := &d.names[hash%nameSlots]
	if s := *slot; len(s) != n+1+len(name) || s[:n] != string(namespace) || s[n] != '/' || s[n+1:] != string(name) {
		*slot = string(namespace) + "/" + string(name)
	}
	return functions.TypeName(*slot)
}

func integer[T ~int32 | ~int64](f *field, into *T) error {
	if err := f.must(protowire.VarintType); err != nil {
		return err
	}
	*into = T(f.varint)
	return nil
}

func boolean(f *field, into *bool) error {
	if err := f.must(protowire.VarintType); err != nil {
		return err
	}
	*into = f.varint != 0
	return nil
}

// message reads a sub-message with read, which may add to what it already holds.
func message[M any](f *field, into *M, read func([]byte, *M) error) error {
	if err := f.must(protowire.BytesType); err != nil {
		return err
	}
	return read(f.bytes, into)
}

func (d *Decoder) address(b []byte, a *functions.Address) error {
	var namespace, name []byte
	if !a.IsZero() { // it occurs again, and is merged
		namespace, name = []byte(a.Type.Namespace()), []byte(a.Type.Name())
	}
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := part(&f, &namespace); err != nil {
				return at("namespace", err)
			}
		case 2:
			if err := part(&f, &name); err != nil {
				return at("type", err)
			}
		case 3:
			if err := text(&f, &a.ID); err != nil {
				return at("id", err)
			}
		}
	}
	a.Type = d.join(namespace, name)
	return nil
}

func (d *Decoder) typedValue(b []byte, v *TypedValue) error {
	v.Present = true
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := d.typename(&f, &v.Typename); err != nil {
				return at("typename", err)
			}
		case 2:
			if err := boolean(&f, &v.HasValue); err != nil {
				return at("has_value", err)
			}
		case 3:
			if err := payload(&f, &v.Value); err != nil {
				return at("value", err)
			}
		}
	}
	return nil
}
