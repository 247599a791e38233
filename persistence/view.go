package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
	"github.com/statefun-go/statefun/persistence/wal"
)

// A View is a stopped node's journal to look at, changed by nothing. Its methods
// belong to one goroutine.
type View struct {
	j      *Journal
	marker marker
}

// OpenView opens the tables of a journal in a directory. What it shows is complete
// after ReadLog.
func OpenView(env *environment.Environment, dir string, keyGroups int) (*View, error) {
	j := &Journal{opts: Options{Environment: env, Dir: dir, KeyGroups: keyGroups, readOnly: true}}
	j.opts.setDefaults()
	j.overlay.init()
	j.inboxes.init(keyGroups)
	t, err := tables.OpenPebble(tables.Options{FS: env.FS, Dir: j.tablesDir(), CacheBytes: j.opts.CacheBytes, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	j.tables = t
	return &View{j: j}, nil
}

// Close releases the files.
func (v *View) Close() error { return v.j.tables.Close() }

// Files are those of the tables.
func (v *View) Files() ([]tables.File, error) { return v.j.tables.Files() }

// Verify reads a file of the tables; see [tables.Tables].
func (v *View) Verify(f tables.File) error { return v.j.tables.Verify(f) }

// CheckLevels checks that in the tables what is newer hides what is older.
func (v *View) CheckLevels() error {
	t, ok := v.j.tables.(interface{ CheckLevels() error })
	if !ok {
		return nil
	}
	return t.CheckLevels()
}

// ReadLog brings the view to the end of the log. progress, in bytes, may be nil.
func (v *View) ReadLog(progress func(done, total int64)) error {
	v.j.opts.onLog = progress
	if value, ok, err := v.j.tables.Get(markerKey, nil); err != nil {
		return err
	} else if ok {
		if v.marker, err = decodeMarker(value); err != nil {
			return err
		}
	}
	logDir := v.j.opts.Environment.FS.PathJoin(v.j.opts.Dir, "log")
	v.j.unread = v.j.logSize(logDir)
	return v.j.recover(logDir, func() error { return nil })
}

// Log is what the log holds.
func (v *View) Log() wal.Extent { return v.j.extent }

// Marker is the last batch that is in the tables.
func (v *View) Marker() BatchNumber { return v.marker.batch }

// Highest is the highest sequence that was given out, HighestEgress that of an
// egress record.
func (v *View) Highest() Sequence { return v.j.Recovered() }

// HighestEgress is the highest sequence of an egress record.
func (v *View) HighestEgress() Sequence { return Sequence(v.j.egressSequence.Load()) }

// Group returns the key group of an id.
func (v *View) Group(id string) KeyGroup { return v.j.Group(id) }

// ScanAll visits the rows of a range, without records; see [Journal.ScanAll].
func (v *View) ScanAll(r KeyRange, visit func(Row) bool) error { return v.j.ScanAll(r, visit) }

// Get reads a row.
func (v *View) Get(key []byte) (value []byte, ok bool, err error) { return v.j.Get(key) }

// Load reads the record of an address.
func (v *View) Load(a functions.Address) (*Record, Loaded, error) {
	r := NewRecord(a, v.j.Group(a.ID))
	l, err := v.j.Load(r)
	return r, l, err
}

// Addresses visits the addresses of a key group that have a record.
func (v *View) Addresses(g KeyGroup, visit func(functions.Address) bool) error {
	return v.j.Addresses(g, visit)
}

// Spec returns a declared state.
func (v *View) Spec(id SpecID) (*Spec, bool) { return v.j.SpecByID(id) }

// Cleared reports whether a row is in a range that was cleared since the marker:
// it is still in the tables, but nobody looks at it any more.
func (v *View) Cleared(key []byte) bool {
	for _, c := range v.j.overlay.active.clears {
		if string(c.Low) <= string(key) && string(key) < string(c.High) {
			return true
		}
	}
	return false
}

// Waiting visits each address that messages may wait for once, those of the key
// groups in their order behind those whose messages only the log has. To be called
// once.
func (v *View) Waiting(visit func(functions.Address) error) error {
	recovered := map[functions.Address]bool{}
	for from, more := 0, true; more; more = from > 0 {
		var found []functions.Address
		found, from = v.j.RecoveredInboxes(from)
		for _, a := range found {
			recovered[a] = true
			if err := visit(a); err != nil {
				return err
			}
		}
	}
	for g := range v.j.opts.KeyGroups {
		for next, first := []byte(nil), true; first || next != nil; first = false {
			found, after, err := v.j.Stored(KeyGroup(g), next)
			if err != nil {
				return err
			}
			next = after
			for _, a := range found {
				if recovered[a] {
					continue
				}
				if err := visit(a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// inboxPart is how many messages of an inbox are read at a time, at least.
const inboxPart = 64

// Inbox visits the messages that wait for an address, in order. To be called once
// for an address.
func (v *View) Inbox(a functions.Address, visit func(*Message)) error {
	r, l, err := v.Load(a)
	if err != nil {
		return err
	}
	after, first := l.Consumed, true
	for more := true; more; first = false {
		var messages []*Message
		if messages, more, err = v.j.ReadInbox(r, after, first, inboxPart); err != nil {
			return err
		}
		for _, m := range messages {
			if m.Sequence <= after {
				return fmt.Errorf("persistence: inbox of %s: message %d comes after message %d", a, m.Sequence, after)
			}
			after = m.Sequence
			visit(m)
		}
	}
	// Nobody holds them here.
	v.j.inboxes.waiting = nil
	clear(v.j.inboxes.tracked)
	return nil
}

// InboxRow is what one row of an inbox holds.
type InboxRow struct {
	Address  functions.Address
	Window   bool // else a chunk
	Messages []*Message
}

// DecodeInboxRow reads a row of an InboxRange and checks it by itself.
func DecodeInboxRow(row Row) (InboxRow, error) {
	g, a, rest, err := cutAddressKey(row.Key)
	if err != nil {
		return InboxRow{}, err
	}
	in := InboxRow{Address: a, Window: len(rest) == 1 && rest[0] == inboxWindow}
	if !in.Window && (len(rest) != 1+8 || rest[0] != inboxChunk) {
		return in, fmt.Errorf("%w: its key %x is neither a window's nor a chunk's", errChunk, row.Key)
	}
	if _, in.Messages, err = decodeChunk(NewRecord(a, g), row.Value); err != nil {
		return in, err
	}
	if first := in.Messages[0].Sequence; !in.Window && first != TailSequence(row.Key) {
		return in, fmt.Errorf("%w: it begins with message %d, its key says %d", errChunk, first, TailSequence(row.Key))
	}
	for i := range in.Messages[1:] {
		if in.Messages[i].Sequence >= in.Messages[i+1].Sequence {
			return in, fmt.Errorf("%w: message %d is not in order", errChunk, in.Messages[i+1].Sequence)
		}
	}
	return in, nil
}

// AddressRow takes the key of a row of an AddressesRange apart.
type AddressRow struct {
	Group   KeyGroup
	Address functions.Address
	Kind    AddressRowKind
	// Of a large value and an entry.
	Spec SpecID
	// Of an entry: its generation, and its position or key.
	Generation uint64
	Entry      []byte
}

// AddressRowKind says what a row of an address holds.
type AddressRowKind byte

// The kinds of an address's rows.
const (
	RowRecord  = AddressRowKind(kindRecord)
	RowLarge   = AddressRowKind(kindLarge)
	RowEntry   = AddressRowKind(kindEntry)
	RowAttempt = AddressRowKind(kindAttempt)
)

var errAddressKey = errors.New("persistence: not the key of a record, a value, an entry or an attempt")

// CutAddressRow takes a key apart.
func CutAddressRow(key []byte) (row AddressRow, err error) {
	var rest []byte
	if row.Group, row.Address, rest, err = cutAddressKey(key); err != nil {
		return row, err
	}
	if len(rest) == 0 {
		return row, fmt.Errorf("%w: %x", errAddressKey, key)
	}
	row.Kind, rest = AddressRowKind(rest[0]), rest[1:]
	switch {
	case (row.Kind == RowRecord || row.Kind == RowAttempt) && len(rest) == 0:
	case row.Kind == RowLarge && len(rest) == 4:
		row.Spec = SpecID(binary.BigEndian.Uint32(rest))
	case row.Kind == RowEntry && len(rest) >= 4+8:
		row.Spec, row.Generation, row.Entry = SpecID(binary.BigEndian.Uint32(rest)), binary.BigEndian.Uint64(rest[4:]), rest[12:]
	default:
		return row, fmt.Errorf("%w: %x", errAddressKey, key)
	}
	return row, nil
}
