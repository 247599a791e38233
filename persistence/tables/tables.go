// Package tables is the narrow door to the database that a journal's log is
// materialized into. It owns what is in Pebble and nothing else writes there.
//
// The tables hold a prefix of the journal: everything up to a marker, which is
// written in the same atomic batch as what it marks. What a crash leaves is the
// tables at some flushed marker; the log has the rest. There is no write-ahead
// log of Pebble's own.
package tables

import "slices"

// Tables is a sorted map from byte strings to byte strings. Keys and values
// passed in are not kept; those handed out are the callee's and valid only
// during the call, unless stated otherwise. Safe for concurrent use.
type Tables interface {
	// Get appends the value of key to dst.
	Get(key, dst []byte) (value []byte, ok bool, err error)

	// GetAll looks up keys that are in ascending order, and calls visit for each
	// that is there, with its place. It takes less time for each than Get.
	GetAll(keys []string, visit func(i int, value []byte)) error

	// Scan calls visit for each key in [low, high) in order, until it returns
	// false. A nil high is no end.
	Scan(low, high []byte, visit func(key, value []byte) bool) error

	// Apply writes a batch atomically; it is visible at once and durable later.
	// Batches become durable in the order in which they were applied.
	Apply(b *Batch) error

	// Flush makes everything applied before it durable.
	Flush() error

	// Flushed returns the value that key has in what is durable.
	Flushed(key []byte) (value []byte, ok bool, err error)

	// Owed is about how many bytes a Flush would write now.
	Owed() int64

	// Behind reports whether compactions are so far behind that another flush
	// would make reads slow. It is for the caller to wait: nothing here does.
	Behind() bool

	Metrics() Metrics

	// Files returns the files that exist now; the newest changes may be in none.
	Files() ([]File, error)
	// Verify reads a file and returns a DamageError if not all of it is as it was
	// written. One that has been replaced since is no error.
	Verify(f File) error

	// Close leaves what is not flushed to the log.
	Close() error
}

// Metrics are sizes in bytes.
type Metrics struct {
	DiskBytes      uint64 // files of the tables now
	MemoryBytes    uint64 // memtables and block cache
	FlushedBytes   uint64 // written by flushes since the start
	CompactedBytes uint64 // written by compactions since the start
}

// Batch collects writes. The zero Batch is empty and ready for use. Of two
// writes to one key the later counts; a range is cleared at its place in the
// sequence.
type Batch struct {
	ops []op
}

type op struct {
	kind  opKind
	key   []byte
	value []byte // the end of the range, for a clear
}

type opKind uint8

const (
	opSet opKind = iota
	opDelete
	opClear
)

// Set sets key to value. Both must stay unchanged until Apply returned.
func (b *Batch) Set(key, value []byte) { b.ops = append(b.ops, op{opSet, key, value}) }

// Delete removes key.
func (b *Batch) Delete(key []byte) { b.ops = append(b.ops, op{opDelete, key, nil}) }

// Clear removes the keys in [low, high). It needs both.
func (b *Batch) Clear(low, high []byte) { b.ops = append(b.ops, op{opClear, low, high}) }

// Len returns the number of writes.
func (b *Batch) Len() int { return len(b.ops) }

// Grow makes room for n more writes.
func (b *Batch) Grow(n int) { b.ops = slices.Grow(b.ops, n) }

// Reset empties the batch for its next use. One that has grown large gives its
// memory back.
func (b *Batch) Reset() {
	if cap(b.ops) > keptOps {
		b.ops = nil
		return
	}
	clear(b.ops)
	b.ops = b.ops[:0]
}

const keptOps = 1 << 16
