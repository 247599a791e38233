package persistence

import (
	"encoding/binary"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// decoder reads primitive values; once something was malformed it is bad and
// reads zeros.
type decoder struct {
	b     []byte
	bad   bool
	names *TypeNames // nil: each name gets a string of its own
}

// TypeNames remembers the type names that were read last: most repeat, and then
// need no memory of their own. The zero TypeNames is ready for use.
type TypeNames [4]functions.TypeName

func (t *TypeNames) of(b []byte) functions.TypeName {
	for _, name := range t {
		if string(b) == string(name) {
			return name
		}
	}
	copy(t[1:], t[:])
	t[0] = functions.TypeName(b)
	return t[0]
}

func (d *decoder) fail() {
	d.bad, d.b = true, nil
}

// version reads the byte that every format begins with.
func (d *decoder) version(known byte, malformed error) error { //nolint:unparam // each format has its own
	if len(d.b) == 0 {
		return malformed
	}
	if v := d.byte(); v != known {
		return fmt.Errorf("%w: version %d, this program knows %d", malformed, v, known)
	}
	return nil
}

// end reports what is malformed unless everything was read and right.
func (d *decoder) end(malformed error) error {
	if d.bad || len(d.b) != 0 {
		return malformed
	}
	return nil
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) typeName() functions.TypeName {
	b := d.bytes()
	if d.names == nil {
		return functions.TypeName(b)
	}
	return d.names.of(b)
}
