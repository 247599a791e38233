package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

const testPath = "/out/deep/alerts.jsonl"

var errCrashed = errors.New("crashed")

// machine is a disk that crashes at a chosen operation, and a journal that
// remembers what was acknowledged.
type machine struct {
	disk     *vfs.MemFS
	crashAt  int // operation, counted from 1; 0: never
	done     int // operations
	records  []persistence.EgressRecord
	acked    int
	position []byte
	next     func() // applies the last acknowledgement; a crash may forget it
	rng      *rand.Rand
	clone    *vfs.MemFS // what the crash left
	unsynced int        // percent of it that survives
}

func newMachine(seed uint64, records int) *machine {
	m := &machine{disk: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 0))}
	m.unsynced = []int{0, 50, 100}[seed%3]
	for i := range records {
		m.records = append(m.records, record(persistence.Sequence(3*i+1), fmt.Sprint("key ", i), m.message()))
	}
	return m
}

func (m *machine) message() functions.Message {
	n := m.rng.IntN(200)
	if m.rng.IntN(20) == 0 {
		n = 10_000 // over a block of the disk
	}
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + m.rng.IntN(26))
	}
	return functions.String.Of(string(text))
}

// MaybeError is called before every operation on the disk.
func (m *machine) MaybeError(errorfs.Op) error {
	if m.clone != nil {
		return errCrashed
	}
	if m.done++; m.done != m.crashAt {
		return nil
	}
	m.clone = m.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.unsynced, RNG: m.rng})
	return errCrashed
}

func (m *machine) String() string { return "machine" }

func (m *machine) environment() *environment.Environment {
	env := environment.Real()
	env.FS = errorfs.Wrap(m.disk, m)
	return env
}

// life runs the egress until all is delivered, or the machine crashes.
func (m *machine) life(t *testing.T) {
	t.Helper()
	e := New(Options{Environment: m.environment(), Path: testPath})
	defer e.Close()
	err := e.Open(m.position)
	for err == nil && m.acked < len(m.records) {
		err = m.deliver(e)
	}
	if m.next != nil && (m.clone == nil || m.rng.IntN(2) == 0) {
		m.next() // the last acknowledgement made it
	}
	m.next = nil
	if err != nil && !errors.Is(err, errCrashed) {
		t.Fatalf("seed: an error that is no crash: %v", err)
	}
}

func (m *machine) deliver(e *Egress) error {
	left := len(m.records) - m.acked
	first := m.acked
	if m.next != nil {
		m.next()
		m.next, first = nil, m.acked
		left = len(m.records) - first
		if left == 0 {
			return nil
		}
	}
	n := 1 + m.rng.IntN(left)
	position, err := e.Deliver(context.Background(), m.records[first:first+n])
	if err != nil {
		return err
	}
	m.next = func() { m.acked, m.position = first+n, position }
	return nil
}

// restart goes on with what the crash left, if there was one.
func (m *machine) restart(crashAt int) bool {
	if m.clone == nil {
		return false
	}
	m.disk, m.clone, m.done, m.crashAt = m.clone, nil, 0, crashAt
	return true
}

func (m *machine) want() string {
	e := New(Options{})
	var b []byte
	for i := range m.records {
		b = appendLine(b, &m.records[i], e.types)
	}
	return string(b)
}

func (m *machine) content(t *testing.T) string {
	t.Helper()
	f, err := m.disk.Open(testPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// seeds is how many to try: fewer with the race detector.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return max(3, n/10)
	}
	return n
}

// Every operation of a first life is the last one once, and after it every
// operation of the recovery.
func TestExactlyOnceThroughACrashAtEveryStep(t *testing.T) {
	t.Parallel()
	for seed := range seeds(6) {
		steps := 0
		for crashed := true; crashed; steps++ {
			crashed = crashTwice(t, seed, steps+1)
		}
		if steps < 15 {
			t.Fatalf("seed %d: only %d steps", seed, steps)
		}
	}
}

// crashTwice crashes at a step of the first life and at every step of the
// second. It reports false if the first life has no such step.
func crashTwice(t *testing.T, seed uint64, first int) bool {
	t.Helper()
	for second := 1; ; second++ {
		m := newMachine(seed, 5)
		m.crashAt = first
		m.life(t)
		if !m.restart(second) {
			return false
		}
		m.life(t)
		again := m.restart(0)
		m.life(t)
		if m.content(t) != m.want() {
			t.Fatalf("seed %d, crash at %d and %d: the file has\n%swant\n%s", seed, first, second, m.content(t), m.want())
		}
		if !again {
			return true
		}
	}
}

func TestExactlyOnceThroughManyCrashes(t *testing.T) {
	t.Parallel()
	for seed := range seeds(500) {
		m := newMachine(seed, 60)
		m.crashAt = 1 + m.rng.IntN(20)
		m.life(t)
		for crashes := 0; m.restart(1 + m.rng.IntN(20)); crashes++ {
			if crashes > 50 {
				m.crashAt = 0
			}
			m.life(t)
		}
		if m.content(t) != m.want() {
			t.Fatalf("seed %d: the file has\n%swant\n%s", seed, m.content(t), m.want())
		}
	}
}
