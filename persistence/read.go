package persistence

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/statefun-go/statefun/functions"
)

// Reads see what is durable, never more. Safe for concurrent use.

// Group returns the key group of an id.
func (j *Journal) Group(id string) KeyGroup { return GroupOf(id, j.opts.KeyGroups) }

// Loaded is the durable content of a record.
type Loaded struct {
	Consumed Sequence
	Nudge    int64
	// Cells are the caller's. A large cell's value was read too.
	Cells []Cell
}

// Load reads a record. One that does not exist is empty.
func (j *Journal) Load(r *Record) (Loaded, error) {
	value, ok, err := j.recordValue(r)
	for ok && err == nil {
		var l Loaded
		if l.Consumed, l.Nudge, l.Cells, err = decodeRecord(value); err != nil {
			return Loaded{}, fmt.Errorf("%w of %s", err, r.Address)
		}
		var whole bool
		if whole, err = j.loadLarge(r, l.Cells); whole || err != nil {
			return l, err
		}
		// A batch that is durable since may have removed what the record had.
		was := value
		if value, ok, err = j.recordValue(r); ok && bytes.Equal(value, was) {
			return Loaded{}, fmt.Errorf("persistence: record of %s refers to a missing value", r.Address)
		}
	}
	return Loaded{}, err
}

// LoadAll is Load for several records: it takes less time for each.
func (j *Journal) LoadAll(records []*Record) []LoadedRecord {
	out := make([]LoadedRecord, len(records))
	values, err := j.recordValues(records)
	room := make([]Cell, 0, len(records)) // one each, which most have
	for i, r := range records {
		l, simple := &out[i], err == nil
		if simple && values[i] != nil {
			l.Consumed, l.Nudge, l.Cells, l.Err = decodeRecordInto(&room, values[i])
			simple = l.Err == nil && !slices.ContainsFunc(l.Cells, func(c Cell) bool { return c.Large })
		}
		if !simple {
			l.Loaded, l.Err = j.Load(r)
		}
	}
	j.inboxes.lookFor(records, out)
	return out
}

// LoadedRecord is what LoadAll has of one record.
type LoadedRecord struct {
	Loaded
	// Inbox says that there may be messages that nobody holds: see ReadInbox.
	Inbox bool
	Err   error
}

// recordValues returns the values of records, nil for those that are not there.
func (j *Journal) recordValues(records []*Record) ([][]byte, error) {
	values := make([][]byte, len(records))
	under := make([]int, 0, len(records)) // those that are not in the overlay
	j.overlay.mu.RLock()
	j.overlay.findAll(records, func(i int, value []byte, ok bool) {
		if ok {
			values[i] = bytes.Clone(value)
		} else {
			under = append(under, i)
		}
	})
	j.overlay.mu.RUnlock()
	slices.SortFunc(under, func(a, b int) int { return cmp.Compare(records[a].key, records[b].key) })
	keys := make([]string, len(under))
	for k, i := range under {
		keys[k] = records[i].key
	}
	return values, j.tables.GetAll(keys, func(k int, value []byte) { values[under[k]] = bytes.Clone(value) })
}

func (j *Journal) recordValue(r *Record) (value []byte, ok bool, err error) {
	if value, ok := j.overlay.record(r.key); ok {
		return value, true, nil
	}
	return j.tables.Get([]byte(r.key), nil)
}

// loadLarge reads the values that are rows of their own. It reports false if one
// is missing.
func (j *Journal) loadLarge(r *Record, cells []Cell) (whole bool, err error) {
	for i := range cells {
		if !cells[i].Large {
			continue
		}
		v, ok, err := j.Get(LargeKey(r.Group, r.Address, cells[i].Spec))
		if !ok || err != nil {
			return false, err
		}
		cells[i].Value = v
	}
	return true, nil
}

// Adopt makes what was loaded the record's own, before its first transaction.
func (r *Record) Adopt(l Loaded) { r.consumed = l.Consumed }

// Get reads a row. The value is not to be changed.
func (j *Journal) Get(key []byte) (value []byte, ok bool, err error) {
	if r, ok := j.overlay.row(key); ok {
		return r.Value, !r.Delete, nil
	}
	return j.tables.Get(key, nil)
}

// Scan returns up to limit rows of a range in order; next is where to go on, nil
// at the end. Keys and values are not to be changed.
func (j *Journal) Scan(r KeyRange, limit int) (rows []Row, next []byte, err error) {
	// The overlay first: a row on its way into the tables is then in one of
	// the two, perhaps in both.
	over := j.overlay.rows(r, limit)
	var under []Row
	err = j.tables.Scan(r.Low, r.High, func(k, v []byte) bool {
		under = append(under, Row{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return len(under) < limit
	})
	if err != nil {
		return nil, nil, err
	}
	merged := mergeRows(over, under, limit)
	if len(merged) == limit {
		next = append(bytes.Clone(merged[limit-1].Key), 0)
	}
	for _, row := range merged {
		if !row.Delete {
			rows = append(rows, row)
		}
	}
	return rows, next, nil
}

// ScanAll visits all rows of a range in order until visit returns false.
func (j *Journal) ScanAll(r KeyRange, visit func(Row) bool) error {
	for r.Low != nil {
		rows, next, err := j.Scan(r, 1024)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !visit(row) {
				return nil
			}
		}
		r.Low = next
	}
	return nil
}

// Addresses visits the addresses of a key group that have a durable record, in
// the order of their keys. Those that only wait for messages are not among them.
func (j *Journal) Addresses(g KeyGroup, visit func(functions.Address) bool) error {
	// The overlay first, as in Scan.
	over := j.overlay.recordsOf(g)
	keys, stopped := slices.Sorted(maps.Keys(over)), false
	var inner error
	show := func(key string, empty bool) {
		_, a, _, err := cutAddressKey([]byte(key))
		inner = cmp.Or(inner, err)
		stopped = stopped || err != nil || !empty && !visit(a)
	}
	upTo := func(key string) {
		for len(keys) > 0 && keys[0] <= key && !stopped {
			show(keys[0], over[keys[0]])
			keys = keys[1:]
		}
	}
	r := AddressesRange(g)
	err := j.tables.Scan(r.Low, r.High, func(k, v []byte) bool {
		if upTo(string(k)); stopped {
			return false
		}
		if _, known := over[string(k)]; !known && isRecordKey(k) {
			show(string(k), isEmptyRecord(v))
		}
		return !stopped
	})
	if err == nil {
		upTo(string(r.High))
	}
	return cmp.Or(inner, err)
}
