package persistence

import (
	"bytes"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/tables"
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
	value, ok := j.overlay.record(r.key)
	if !ok {
		var err error
		if value, ok, err = j.tables.Get([]byte(r.key), nil); err != nil {
			return Loaded{}, err
		}
	}
	if !ok {
		return Loaded{}, nil
	}
	consumed, nudge, cells, err := decodeRecord(value)
	if err != nil {
		return Loaded{}, fmt.Errorf("%w of %s", err, r.Address)
	}
	return Loaded{consumed, nudge, cells}, j.loadLarge(r, cells)
}

func (j *Journal) loadLarge(r *Record, cells []Cell) error {
	for i := range cells {
		if !cells[i].Large {
			continue
		}
		v, ok, err := j.Get(LargeKey(r.Group, r.Address, cells[i].Spec))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("persistence: record of %s refers to a missing value", r.Address)
		}
		cells[i].Value = v
	}
	return nil
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
// order of type and id. Those that only wait for messages are not among them.
func (j *Journal) Addresses(g KeyGroup, visit func(functions.Address) bool) error {
	seen := map[string]bool{}
	more := true
	err := j.recordsInOverlay(g, func(key string, a functions.Address, empty bool) {
		seen[key] = true
		more = more && (empty || visit(a))
	})
	if err != nil || !more {
		return err
	}
	r := AddressesRange(g)
	return j.tables.Scan(r.Low, r.High, func(k, v []byte) bool {
		_, a, rest, err := cutAddressKey(k)
		if err != nil || len(rest) != 1 || rest[0] != kindRecord || seen[string(k)] || isEmptyRecord(v) {
			return true
		}
		return visit(a)
	})
}

func (j *Journal) recordsInOverlay(g KeyGroup, visit func(key string, a functions.Address, empty bool)) error {
	j.overlay.mu.RLock()
	defer j.overlay.mu.RUnlock()
	prefix := string(groupKey(g, sectionAddress))
	seen := map[string]bool{}
	for _, gen := range j.overlay.generations() {
		for key, e := range gen.records {
			if len(key) < len(prefix) || key[:len(prefix)] != prefix || seen[key] {
				continue
			}
			seen[key] = true
			_, a, _, err := cutAddressKey([]byte(key))
			if err != nil {
				return err
			}
			visit(key, a, isEmptyRecord(e.value))
		}
	}
	return nil
}

// setRow writes into the tables directly.
func (j *Journal) setRow(key, value []byte) error {
	var b tables.Batch
	b.Set(key, value)
	return j.tables.Apply(&b)
}
