package persistence

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
	"github.com/statefun-go/statefun/persistence/wal"
)

// bench is a journal under test. One goroutine does everything: what the journal
// has to do happens in settle. It materializes when told to.
type bench struct {
	testing.TB
	fs     *vfs.MemFS
	sim    *environment.Simulation
	memory *tables.Memory
	opts   Options
	*Journal

	sequence  Sequence // the last one given out
	delivered []*Message
	egress    []EgressRecord
	synced    []BatchNumber
	rooms     int
	reasons   []error // why the journal has stopped
}

const testDir = "/data"

func setup(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, fs: vfs.NewCrashableMem(), memory: tables.NewMemory(true)}
	b.sim = environment.Seeded(1, b.fs)
	b.opts = Options{
		Environment: b.sim.Environment(), Dir: testDir, KeyGroups: 4, Workers: 2, Tables: b.memory,
		MaterializeEvery: 1000 * time.Hour,
		Deliver: func(messages []*Message) {
			for _, m := range messages {
				b.sequence++
				m.Sequence = b.sequence
			}
			b.delivered = append(b.delivered, messages...)
		},
		Highest: func() Sequence { return b.sequence },
		Egress:  func(records []EgressRecord) { b.egress = append(b.egress, records...) },
		Synced:  func(n BatchNumber) { b.synced = append(b.synced, n) },
		Room:    func() { b.rooms++ },
		Stopped: func(err error) { b.reasons = append(b.reasons, err) },
	}
	return b
}

// started returns a bench with a running journal.
func started(t testing.TB) *bench {
	t.Helper()
	b := setup(t)
	b.start()
	return b
}

func (b *bench) open() error {
	j, err := Open(b.opts)
	b.Journal = j
	return err
}

func (b *bench) start() {
	b.Helper()
	b.must(b.open())
	b.sequence = max(b.sequence, b.Recovered())
	b.Start()
}

// settle lets the journal do all that it has to do.
func (b *bench) settle() { b.sim.Advance(10 * time.Millisecond) }

// materialize brings the tables up to date.
func (b *bench) materialize() {
	b.Helper()
	b.settle()
	before := b.Metrics().Materializations
	b.materializer.due.Store(true)
	b.materializeTask.Wake()
	b.settle()
	if b.Err() == nil && b.Metrics().Materializations == before {
		b.Log("there was nothing to materialize")
	}
}

// crash ends the process without a word and opens the journal again. Of what was
// not durable nothing is left.
func (b *bench) crash() {
	b.Helper()
	b.sim.Crash()
	b.memory.Crash(0)
	b.reopen(b.fs.CrashClone(vfs.CrashCloneCfg{}))
}

// restart closes the journal and opens it again.
func (b *bench) restart() {
	b.Helper()
	b.must(b.Close())
	b.reopen(b.fs)
}

func (b *bench) reopen(fs *vfs.MemFS) {
	b.Helper()
	b.fs = fs
	b.opts.Environment = b.sim.Process(fs).Environment()
	b.delivered = nil
	b.start()
}

// clone returns what a crash that keeps everything written would leave.
func (b *bench) clone() *vfs.MemFS {
	return b.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
}

// append appends to the shard of the record, or outside without one.
func (b *bench) append(tx *Transaction) BatchNumber {
	b.Helper()
	s := b.Outside()
	if tx.Record != nil {
		s = b.Shard(int(tx.Record.Group) % b.opts.Workers)
	}
	n, err := s.Append(tx)
	b.must(err)
	return n
}

// put appends a row and waits until it is durable.
func (b *bench) put(key, value string) {
	b.Helper()
	b.append(&Transaction{Rows: []Row{{Key: []byte(key), Value: []byte(value)}}})
	b.settle()
}

func (b *bench) get(key string) (string, bool) {
	b.Helper()
	v, ok, err := b.Get([]byte(key))
	b.must(err)
	return string(v), ok
}

// record returns the handle of an address as its owner has it after activation.
func (b *bench) record(id string) *Record {
	b.Helper()
	r := NewRecord(greeter.At(id), b.Group(id))
	l, err := b.Load(r)
	b.must(err)
	r.Adopt(l)
	return r
}

func (b *bench) load(id string) Loaded {
	b.Helper()
	l, err := b.Load(NewRecord(greeter.At(id), b.Group(id)))
	b.must(err)
	return l
}

// send appends messages to an address, one with each value, and returns them.
func (b *bench) send(id string, values ...string) []*Message {
	b.Helper()
	tx := &Transaction{}
	for _, v := range values {
		tx.Sends = append(tx.Sends, &Message{Target: greeter.At(id), Type: text, Value: []byte(v)})
	}
	b.append(tx)
	return tx.Sends
}

// inbox reads all that waits for an address that is activated.
func (b *bench) inbox(r *Record) []*Message {
	b.Helper()
	var all []*Message
	after, first := r.Consumed(), true
	for more := true; more; first = false {
		var messages []*Message
		var err error
		messages, more, err = b.ReadInbox(r, after, first, 64)
		b.must(err)
		all = append(all, messages...)
		if len(all) > 0 {
			after = all[len(all)-1].Sequence
		}
	}
	return all
}

func values(messages []*Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Value))
	}
	return out
}

// keys returns the keys in the tables.
func (b *bench) keys() []string {
	b.Helper()
	var out []string
	b.must(b.memory.Scan(nil, nil, func(k, _ []byte) bool {
		out = append(out, string(k))
		return true
	}))
	return out
}

// logged returns the batches in a log of which nothing was dropped, in words.
func (b *bench) logged() map[BatchNumber]string {
	b.Helper()
	out := map[BatchNumber]string{}
	env := b.sim.Process(b.clone()).Environment()
	read := func(n uint64, payload []byte) error {
		s, err := decodedPayload(payload)
		out[BatchNumber(n)] = s
		return err
	}
	log, err := wal.Open(wal.Options{FS: env.FS, Dir: testDir + "/log", Random: env.Random}, 0, read)
	b.must(err)
	b.must(log.Close())
	return out
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// mustBe fails unless err is what is expected.
func (b *bench) mustBe(err, target error) {
	b.Helper()
	if !errors.Is(err, target) {
		b.Fatalf("got %v, expected %v", err, target)
	}
}

// meddled are tables that call a function around each operation: the place for
// a test to do what another goroutine might.
type meddled struct {
	tables.Tables
	before, after func(operation string, key []byte)
	sizes         []int // of the batches
}

func (m *meddled) call(f func(string, []byte), operation string, key []byte) {
	if f != nil {
		f(operation, key)
	}
}

func (m *meddled) Get(key, dst []byte) ([]byte, bool, error) {
	m.call(m.before, "get", key)
	defer m.call(m.after, "get", key)
	return m.Tables.Get(key, dst)
}

func (m *meddled) Scan(low, high []byte, visit func(key, value []byte) bool) error {
	m.call(m.before, "scan", low)
	defer m.call(m.after, "scan", low)
	return m.Tables.Scan(low, high, visit)
}

func (m *meddled) Apply(b *tables.Batch) error {
	m.call(m.before, "apply", nil)
	defer m.call(m.after, "apply", nil)
	m.sizes = append(m.sizes, b.Len())
	return m.Tables.Apply(b)
}

func (m *meddled) Flush() error {
	m.call(m.before, "flush", nil)
	defer m.call(m.after, "flush", nil)
	return m.Tables.Flush()
}

// waiting is all addresses that have messages which nobody holds.
func (b *bench) waiting() []functions.Address {
	b.Helper()
	all := map[functions.Address]bool{}
	for _, a := range recoveredInboxes(b.Journal) {
		all[a] = true
	}
	for g := range b.opts.KeyGroups {
		for next := []byte(nil); ; {
			found, n, err := b.Stored(KeyGroup(g), next)
			b.must(err)
			for _, a := range found {
				all[a] = true
			}
			if next = n; next == nil {
				break
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

func recoveredInboxes(j *Journal) []functions.Address {
	all, next := j.RecoveredInboxes(0)
	for next > 0 {
		var found []functions.Address
		found, next = j.RecoveredInboxes(next)
		all = append(all, found...)
	}
	return all
}
