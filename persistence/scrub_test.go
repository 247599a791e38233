package persistence

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// scrubbed is a journal on Pebble, with rows in one file of the tables.
type scrubbed struct {
	testing.TB
	opts    Options
	stopped chan error
	clock   *heldClock
	middle  int64 // of the file
}

// heldClock keeps what is to happen a day later.
type heldClock struct {
	environment.Clock

	mu   sync.Mutex
	held []func()
}

func (c *heldClock) AfterFunc(d time.Duration, f func()) environment.Timer {
	if d < scrubEvery {
		return c.Clock.AfterFunc(d, f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = append(c.held, f)
	return c.Clock.AfterFunc(d, func() {}) // to be stopped
}

func (c *heldClock) pass() {
	c.mu.Lock()
	held := c.held
	c.held = nil
	c.mu.Unlock()
	for _, f := range held {
		f()
	}
}

func newScrubbed(t testing.TB) *scrubbed {
	t.Helper()
	env := environment.Memory()
	s := &scrubbed{TB: t, stopped: make(chan error, 1), clock: &heldClock{Clock: env.Clock}}
	env.Clock = s.clock
	s.opts = Options{
		Environment: env, Dir: "/data", KeyGroups: 4, Workers: 1, MaterializeEvery: time.Hour,
		Deliver: func([]*Message) {}, Highest: func() Sequence { return 0 }, Stopped: func(err error) { s.stopped <- err },
	}
	j := s.start()
	for i := range byte(100) {
		tx := &Transaction{Rows: []Row{{Key: MetaKey("row " + string([]byte{i})), Value: noise(i, 500)}}}
		if err := j.Outside().AppendNow(tx); err != nil {
			t.Fatal(err)
		}
	}
	s.close(j)
	s.middle = 25_000
	return s
}

// noise is bytes that cannot be compressed.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

func (s *scrubbed) start() *Journal {
	s.Helper()
	j, err := Open(s.opts)
	if err != nil {
		s.Fatal(err)
	}
	j.Start()
	return j
}

func (s *scrubbed) close(j *Journal) {
	s.Helper()
	if err := j.Close(); err != nil && !errors.Is(err, tables.ErrDamaged) {
		s.Fatal(err)
	}
}

// damage changes a byte in the middle of the rows, which no start reads, and
// returns the file.
func (s *scrubbed) damage() string {
	s.Helper()
	fs := s.opts.Environment.FS
	names, err := fs.List("/data/tables")
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		path := "/data/tables/" + name
		f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			s.Fatal(err)
		}
		var b [1]byte
		_, err = f.ReadAt(b[:], s.middle)
		b[0] ^= 1
		_, writing := f.WriteAt(b[:], s.middle)
		if err := errors.Join(err, writing, f.Close()); err != nil && !errors.Is(err, io.EOF) {
			s.Fatal(err)
		}
		return path
	}
	s.Fatal("there is no file")
	return ""
}

func (s *scrubbed) names(err error, file string) {
	s.Helper()
	if !errors.Is(err, tables.ErrDamaged) || !strings.Contains(err.Error(), file) {
		s.Errorf("got %v, expected damage of %s", err, file)
	}
}

// Small tables are verified before anything else; nobody need read the block.
func TestDamagedTablesAreFoundAtTheStart(t *testing.T) {
	t.Parallel()
	s := newScrubbed(t)
	file := s.damage()
	_, err := Open(s.opts)
	s.names(err, file)
}

// Then the log is as it was, although it was read meanwhile; and if it is damaged,
// too, the tables are named all the same.
func TestDamagedTablesLeaveTheLogAsItIs(t *testing.T) {
	t.Parallel()
	s := newScrubbed(t)
	file, before := s.damage(), s.log()
	for range 2 {
		_, err := Open(s.opts)
		s.names(err, file)
		if after := s.log(); !maps.Equal(before, after) {
			t.Errorf("the log has %d files that are not as the %d before", len(after), len(before))
		}
	}
	if err := s.opts.Environment.FS.Remove("/data/log/witness"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(s.opts)
	s.names(err, file)
}

// log returns the files of the log.
func (s *scrubbed) log() map[string]string {
	s.Helper()
	fs, files := s.opts.Environment.FS, map[string]string{}
	names, err := fs.List("/data/log")
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range names {
		f, err := fs.Open("/data/log/" + name)
		if err != nil {
			s.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			s.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

// Large ones are verified after the start, and the journal stops.
func TestDamagedTablesAreFoundInTheBackground(t *testing.T) {
	t.Parallel()
	s := newScrubbed(t)
	file := s.damage()
	s.opts.VerifyBytes = -1
	j := s.start()
	s.names(<-s.stopped, file)
	s.names(j.Err(), file)
	s.close(j)
}

// What is damaged while the node runs is found a day later.
func TestTablesAreVerifiedAgainEveryDay(t *testing.T) {
	t.Parallel()
	s := newScrubbed(t)
	j := s.start()
	file := s.damage()
	s.clock.pass()
	s.names(<-s.stopped, file)
	s.close(j)
}

// A read that meets damage stops the journal: what it cannot read, others cannot.
func TestAReadThatMeetsDamageStopsTheJournal(t *testing.T) {
	t.Parallel()
	s := newScrubbed(t)
	j := s.start()
	file := s.damage()
	var err error
	for i := byte(0); i < 100 && err == nil; i++ {
		_, _, err = j.Get(MetaKey("row " + string([]byte{i})))
	}
	s.names(err, file)
	s.names(<-s.stopped, file)
	s.close(j)
}
