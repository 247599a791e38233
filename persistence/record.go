package persistence

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/statefun-go/statefun/functions"
)

// SpecID stands for a state of a function type in records and keys.
type SpecID uint32

// Cell is the stored form of one state in its address's record. For a list or
// a map it holds the bounds or the generation of the entries, which are rows.
type Cell struct {
	Spec SpecID
	// Large says that the value is a row of its own (LargeKey); Value is what
	// the holder has read of it and is not written with the record.
	Large bool
	// Expires is in milliseconds since 1970, 0 for never.
	Expires int64
	// Value must not be changed once it was appended.
	Value []byte
}

// LargeValue is the size in bytes above which a value becomes a row of its own,
// so that a change of its neighbours does not write it again.
const LargeValue = 2 << 10

// Record is an address's handle in the journal. Whoever runs the address holds
// it while the address is active, and there is never more than one.
type Record struct {
	Address functions.Address
	Group   KeyGroup
	key     string

	// The owner's: what its appended transactions have made of the record.
	consumed Sequence

	// Guarded by the owner's shard: where the open batch has the record.
	batch BatchNumber
	slot  int

	// place is where the overlay has it. The committer writes it, atomically.
	place uint64 //nolint:modernize // a Record is copied (MakeRecord), which atomic.Uint64 must not be
}

// NewRecord returns the handle of an address that is about to be loaded.
func NewRecord(a functions.Address, g KeyGroup) *Record {
	r := MakeRecord(a, g)
	return &r
}

// MakeRecord is NewRecord for a handle that is part of something else.
func MakeRecord(a functions.Address, g KeyGroup) Record {
	return Record{Address: a, Group: g, key: string(recordKey(g, a))}
}

// Consumed is how far the inbox is consumed, by the owner's appended transactions.
func (r *Record) Consumed() Sequence { return r.consumed }

// Batch is the last batch that has a transaction of the record.
func (r *Record) Batch() BatchNumber { return r.batch }

const recordVersion = 1

const (
	cellLarge byte = 1 << iota
	cellExpires

	minCellBytes = 2 // the number of its state, and flags
)

// appendRecord encodes what the tables hold under a record's key.
func appendRecord(b []byte, consumed Sequence, nudge int64, cells []Cell) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(consumed))
	b = binary.AppendUvarint(b, uint64(nudge))
	b = binary.AppendUvarint(b, uint64(len(cells)))
	for i := range cells {
		b = appendCell(b, &cells[i])
	}
	return b
}

func appendCell(b []byte, c *Cell) []byte {
	var flags byte
	if c.Large {
		flags |= cellLarge
	}
	if c.Expires != 0 {
		flags |= cellExpires
	}
	b = append(binary.AppendUvarint(b, uint64(c.Spec)), flags)
	if c.Expires != 0 {
		b = binary.AppendUvarint(b, uint64(c.Expires))
	}
	if c.Large {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(c.Value)))
	return append(b, c.Value...)
}

var errRecord = errors.New("persistence: malformed record")

// decodeRecord reads what appendRecord wrote; values alias b.
func decodeRecord(b []byte) (consumed Sequence, nudge int64, cells []Cell, err error) {
	return decodeRecordInto(&[]Cell{}, b)
}

// decodeRecordInto is decodeRecord that takes the cells' memory from room while it lasts.
func decodeRecordInto(room *[]Cell, b []byte) (consumed Sequence, nudge int64, cells []Cell, err error) {
	d := decoder{b: b}
	if err := d.version(recordVersion, errRecord); err != nil {
		return 0, 0, nil, err
	}
	consumed, nudge = Sequence(d.uvarint()), int64(d.uvarint())
	n := d.uvarint()
	if n > uint64(len(d.b))/minCellBytes {
		return 0, 0, nil, errRecord
	}
	switch free := (*room)[len(*room):cap(*room)]; {
	case n == 0:
	case n <= uint64(len(free)):
		cells, *room = free[:n:n], (*room)[:len(*room)+int(n)] //nolint:gosec // it is less
	default:
		cells = make([]Cell, n)
	}
	for i := range cells {
		cells[i] = d.cell()
	}
	if err := d.end(errRecord); err != nil {
		return 0, 0, nil, err
	}
	return consumed, nudge, cells, nil
}

func (d *decoder) cell() Cell {
	spec, flags := d.uvarint(), d.byte()
	if spec > math.MaxUint32 || flags&^(cellLarge|cellExpires) != 0 {
		d.fail()
	}
	c := Cell{Spec: SpecID(spec)}
	c.Large = flags&cellLarge != 0
	if flags&cellExpires != 0 {
		c.Expires = int64(d.uvarint())
	}
	if !c.Large {
		c.Value = d.bytes()
	}
	return c
}

// isEmptyRecord reports whether nothing but the consumed-to is left.
func isEmptyRecord(b []byte) bool {
	d := decoder{b: b}
	if d.version(recordVersion, errRecord) != nil {
		return false
	}
	d.uvarint() // consumed
	nudge, cells := d.uvarint(), d.uvarint()
	return d.end(errRecord) == nil && nudge == 0 && cells == 0
}
