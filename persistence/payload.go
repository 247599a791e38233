package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// A batch's payload in the log: a header, then entries. Type names are written
// once per payload and referred to by number.

const payloadVersion = 1

type entryKind byte

const (
	entryName    entryKind = 1 // a type name gets the next number
	entryRecord  entryKind = 2
	entryMessage entryKind = 3
	entryPut     entryKind = 4
	entryDelete  entryKind = 5
	entryClear   entryKind = 6
)

// ErrPayload marks a log record that decodes to nonsense although its checksum
// is right: written by a newer version, or a bug.
var ErrPayload = errors.New("persistence: malformed batch")

// encoder builds one payload.
type encoder struct {
	b     []byte
	names nameTable
}

func (e *encoder) begin(highest Sequence) {
	e.b = append(e.b[:0], payloadVersion)
	e.b = binary.AppendUvarint(e.b, uint64(highest))
	e.names.reset()
}

// name returns the number of a type name, and defines it first if need be.
func (e *encoder) name(t functions.TypeName) uint64 {
	i, isNew := e.names.number(t)
	if isNew {
		e.b = appendString(append(e.b, byte(entryName)), string(t))
	}
	return uint64(i) //nolint:gosec // not negative
}

// nameTable numbers type names from 0.
type nameTable struct {
	names []functions.TypeName
	index map[functions.TypeName]int // once a scan of names would take long
}

const scanNames = 16

func (t *nameTable) reset() {
	t.names = emptied(t.names)
	clear(t.index)
}

// number returns the number of a name, a new one if it has none.
func (t *nameTable) number(name functions.TypeName) (i int, isNew bool) {
	for i, n := range t.names[:min(len(t.names), scanNames)] {
		if n == name {
			return i, false
		}
	}
	if i, ok := t.index[name]; ok {
		return i, false
	}
	i = len(t.names)
	t.names = append(t.names, name)
	if len(t.names) > scanNames {
		if t.index == nil {
			t.index = map[functions.TypeName]int{}
		}
		t.index[name] = i
	}
	return i, true
}

func appendString[S ~string | ~[]byte](b []byte, s S) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// record writes the value of an address's record.
func (e *encoder) record(t functions.TypeName, id, value []byte) {
	name := e.name(t)
	e.b = binary.AppendUvarint(append(e.b, byte(entryRecord)), name)
	e.b = appendString(e.b, id)
	e.b = binary.BigEndian.AppendUint32(e.b, uint32(len(value)))
	e.b = append(e.b, value...)
}

func (e *encoder) message(m *Message) {
	target, typ := e.name(m.Target.Type), e.name(m.Type)
	caller := uint64(0)
	if !m.Caller.IsZero() {
		caller = 1 + e.name(m.Caller.Type)
	}
	e.b = binary.AppendUvarint(append(e.b, byte(entryMessage)), target)
	e.b = appendString(e.b, m.Target.ID)
	e.b = binary.AppendUvarint(e.b, uint64(m.Sequence))
	e.b = binary.AppendUvarint(e.b, caller)
	if caller != 0 {
		e.b = appendString(e.b, m.Caller.ID)
	}
	e.b = binary.AppendUvarint(e.b, typ)
	e.b = appendString(e.b, m.Value)
}

func (e *encoder) row(r *Row) {
	kind := entryPut
	if r.Delete {
		kind = entryDelete
	}
	e.b = appendString(append(e.b, byte(kind)), r.Key)
	if !r.Delete {
		e.b = appendString(e.b, r.Value)
	}
}

func (e *encoder) clear(r KeyRange) {
	e.b = appendString(append(e.b, byte(entryClear)), r.Low)
	e.b = appendString(e.b, r.High)
}

// visitor takes what a payload holds. Byte slices alias the payload.
type visitor struct {
	record  func(a functions.Address, value []byte) error
	message func(m *Message) error
	row     func(r Row) error
	clear   func(r KeyRange) error
	// memory is where messages and ids are put. May be nil.
	memory *decodeMemory
}

// decodeMemory is for many messages and ids of addresses, one after the other: they
// share allocations with their neighbours, which are about as old.
type decodeMemory struct {
	messages []Message // unused
	ids      strings.Builder
}

const (
	messagesTogether = 64
	idsTogether      = 512 // bytes
)

func (m *decodeMemory) message() *Message {
	if len(m.messages) == 0 {
		m.messages = make([]Message, messagesTogether)
	}
	message := &m.messages[0]
	m.messages = m.messages[1:]
	return message
}

func (m *decodeMemory) id(b []byte) string {
	if len(b) > idsTogether/8 {
		return string(b)
	}
	if m.ids.Cap()-m.ids.Len() < len(b) {
		m.ids.Reset()
		m.ids.Grow(idsTogether)
	}
	n := m.ids.Len()
	m.ids.Write(b)
	return m.ids.String()[n:]
}

// decodePayload visits the entries in order and returns the highest sequence
// that had been given out.
func decodePayload(p []byte, v visitor) (highest Sequence, err error) {
	d := payloadDecoder{decoder: decoder{b: p}, memory: v.memory}
	if d.memory == nil {
		d.memory = &decodeMemory{}
	}
	if err := d.version(payloadVersion, ErrPayload); err != nil {
		return 0, err
	}
	highest = Sequence(d.uvarint())
	for len(d.b) > 0 {
		if err := d.entry(v); err != nil {
			return 0, err
		}
	}
	return highest, d.end(ErrPayload)
}

type payloadDecoder struct {
	decoder
	names  []functions.TypeName
	memory *decodeMemory
}

func (d *payloadDecoder) entry(v visitor) error {
	switch entryKind(d.byte()) {
	case entryName:
		d.names = append(d.names, functions.TypeName(d.string()))
		return nil
	case entryRecord:
		return d.recordEntry(v)
	case entryMessage:
		m := d.message()
		if d.bad {
			return ErrPayload
		}
		return v.message(m)
	case entryPut:
		return d.rowEntry(v, Row{Key: d.bytes(), Value: d.bytes()})
	case entryDelete:
		return d.rowEntry(v, Row{Key: d.bytes(), Delete: true})
	case entryClear:
		r := KeyRange{d.bytes(), d.bytes()}
		if d.bad {
			return ErrPayload
		}
		return v.clear(r)
	}
	return ErrPayload
}

func (d *payloadDecoder) rowEntry(v visitor, r Row) error {
	if d.bad {
		return ErrPayload
	}
	return v.row(r)
}

func (d *payloadDecoder) recordEntry(v visitor) error {
	a := d.address(d.uvarint())
	if len(d.b) < 4 || uint64(binary.BigEndian.Uint32(d.b)) > uint64(len(d.b)-4) {
		return ErrPayload
	}
	n := binary.BigEndian.Uint32(d.b)
	value := d.b[4 : 4+n : 4+n]
	d.b = d.b[4+n:]
	return v.record(a, value)
}

func (d *payloadDecoder) name(i uint64) functions.TypeName {
	if i >= uint64(len(d.names)) {
		d.fail()
		return ""
	}
	return d.names[i]
}

func (d *payloadDecoder) address(name uint64) functions.Address {
	return functions.Address{Type: d.name(name), ID: d.memory.id(d.bytes())}
}

func (d *payloadDecoder) message() *Message {
	m := d.memory.message()
	m.Target, m.Sequence = d.address(d.uvarint()), Sequence(d.uvarint())
	if c := d.uvarint(); c != 0 {
		m.Caller = d.address(c - 1)
	}
	m.Type = d.name(d.uvarint())
	m.Value = d.bytes()
	return m
}

// EncodedBytes is about how many bytes AppendMessage adds, and not less.
func EncodedBytes(m *Message) int {
	return len(m.Target.Type) + len(m.Target.ID) + len(m.Caller.Type) + len(m.Caller.ID) + len(m.Type) + len(m.Value) +
		3*5 /* lengths of names and ids */ + binary.MaxVarintLen32
}

// AppendMessage encodes a message without its sequence, for a row that keeps it.
func AppendMessage(b []byte, m *Message) []byte {
	b = appendString(b, m.Target.Type)
	b = appendString(b, m.Target.ID)
	return appendBody(b, m)
}

// DecodeMessage reads what AppendMessage wrote and returns what follows it. The
// message's value aliases b. names may be nil.
func DecodeMessage(b []byte, names *TypeNames) (*Message, []byte, error) {
	d := decoder{b: b, names: names}
	m := &Message{}
	m.Target.Type, m.Target.ID = d.typeName(), d.string()
	d.body(m)
	if d.bad {
		return nil, nil, ErrPayload
	}
	return m, d.b, nil
}

// appendBody encodes what a message is to its known target.
func appendBody(b []byte, m *Message) []byte {
	b = appendString(b, m.Caller.Type)
	b = appendString(b, m.Caller.ID)
	b = appendString(b, m.Type)
	return appendString(b, m.Value)
}

func (d *decoder) body(m *Message) {
	m.Caller.Type, m.Caller.ID = d.typeName(), d.string()
	m.Type, m.Value = d.typeName(), d.bytes()
}

const egressVersion = 1

var errEgress = errors.New("persistence: malformed egress record")

// egressRow is the row in which an egress record waits.
func egressRow(r *EgressRecord) Row {
	v := append(make([]byte, 0, 32+len(r.Key)+len(r.Type)+len(r.Value)), egressVersion)
	v = appendString(v, r.Key)
	v = appendString(v, r.Type)
	return Row{Key: EgressKey(r.Egress, r.Sequence), Value: appendString(v, r.Value)}
}

// DecodeEgress reads a row of an egress's queue. The value aliases the row's.
func DecodeEgress(egress functions.TypeName, row Row) (EgressRecord, error) {
	if len(row.Key) != len(egressPrefix(egress))+8 {
		return EgressRecord{}, fmt.Errorf("persistence: not the key of a record for %s: %x", egress, row.Key)
	}
	d := decoder{b: row.Value}
	if err := d.version(egressVersion, errEgress); err != nil {
		return EgressRecord{}, err
	}
	r := EgressRecord{Egress: egress, Sequence: TailSequence(row.Key)}
	r.Key, r.Type, r.Value = d.string(), functions.TypeName(d.string()), d.bytes()
	return r, d.end(errEgress)
}
