package persistence

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/tables"
	"github.com/statefun-go/statefun/persistence/wal"
)

// A crash leaves what was durable, and nothing else: whether it is in the log,
// in the tables, or in both.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(b *bench){
		"log": (*bench).settle,
		"tables that were not flushed": func(b *bench) {
			b.materialize()
			if b.memory.Unsaved() != 1 {
				t.Errorf("%d batches are not flushed", b.memory.Unsaved())
			}
		},
		"tables": func(b *bench) {
			b.materialize()
			b.must(b.memory.Flush())
		},
	} {
		b := started(t)
		ada := b.record("Ada")
		sent := b.send("Ada", "one", "two")
		b.append(&Transaction{
			Record: ada, Messages: sent[:1], Cells: []Cell{{Spec: 1, Value: []byte("state")}}, Nudge: 5,
			Egress: []EgressRecord{{Egress: emails, Key: "Ada", Value: []byte("mail")}},
		})
		b.put("row", "value")
		b.put("gone", "value")
		between(b)
		b.append(&Transaction{Rows: []Row{{Key: []byte("gone"), Delete: true}}})
		b.settle()
		b.append(&Transaction{Rows: []Row{{Key: []byte("lost"), Value: []byte("not durable")}}})
		b.crash()

		if _, ok := b.get("lost"); ok {
			t.Errorf("%s: what was not durable is there", name)
		}
		if _, ok := b.get("gone"); ok {
			t.Errorf("%s: what was deleted is there", name)
		}
		if v, _ := b.get("row"); v != "value" {
			t.Errorf("%s: the row is %q", name, v)
		}
		l := b.load("Ada")
		if l.Consumed != 1 || l.Nudge != 5 || len(l.Cells) != 1 || string(l.Cells[0].Value) != "state" {
			t.Errorf("%s: the record is %+v", name, l)
		}
		if waiting := b.waiting(); len(waiting) != 1 || waiting[0] != greeter.At("Ada") {
			t.Errorf("%s: %v waits", name, waiting)
		}
		if got := b.inbox(b.record("Ada")); len(got) != 1 || messageText(got[0]) != `2 example/greeter/Ada io.statefun.types/string "two"` {
			t.Errorf("%s: the inbox has %v", name, values(got))
		}
		rows, _, err := b.Scan(EgressRange(emails), 10)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: %d egress records, %v", name, len(rows), err)
		}
		if r, err := DecodeEgress(emails, rows[0]); err != nil || r.Key != "Ada" || string(r.Value) != "mail" || r.Sequence != 1 {
			t.Errorf("%s: the egress record is %+v, %v", name, r, err)
		}
		b.must(b.Close())
	}
}

// No sequence is given out twice, be it of a message that nobody remembers.
func TestSequencesNeverGoBackwards(t *testing.T) {
	t.Parallel()
	for _, materialized := range []bool{false, true} {
		b := started(t)
		b.append(&Transaction{Record: b.record("Ada"), Messages: b.send("Ada", "elided", "elided"), Nudge: 1})
		b.append(&Transaction{Egress: []EgressRecord{{Egress: emails}, {Egress: emails}}})
		b.settle()
		b.append(&Transaction{Rows: []Row{{Key: EgressKey(emails, 1), Delete: true}, {Key: EgressKey(emails, 2), Delete: true}}})
		b.settle()
		if materialized {
			b.materialize()
			b.must(b.memory.Flush())
		}
		b.sequence = 0
		b.crash()
		if b.Recovered() != 2 {
			t.Errorf("materialized %t: recovered %d, the highest sequence was 2", materialized, b.Recovered())
		}
		b.append(&Transaction{Egress: []EgressRecord{{Egress: emails}}})
		b.settle()
		if n := len(b.egress); b.egress[n-1].Sequence != 3 {
			t.Errorf("materialized %t: the next egress record is %d, expected 3", materialized, b.egress[n-1].Sequence)
		}
		b.must(b.Close())
	}
}

// copyTree copies a directory's files into another file system, durably.
func copyTree(t testing.TB, from, to vfs.FS, dir string) {
	t.Helper()
	names, err := from.List(dir)
	if err == nil {
		err = errors.Join(to.RemoveAll(dir), makeDirs(to, dir))
	}
	for _, name := range names {
		if err != nil {
			break
		}
		err = vfs.CopyAcrossFS(from, from.PathJoin(dir, name), to, to.PathJoin(dir, name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

const logDir = testDir + "/log"

// The tables hold only what was durable in the log: a log that ends below their
// marker has lost something.
func TestALogThatEndsBelowTheMarkerIsDamaged(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.put("1", "")
	b.put("2", "")
	old := b.clone()
	b.put("3", "")
	b.must(b.Close()) // materializes and flushes
	copyTree(t, old, b.fs, logDir)
	b.opts.Environment = b.sim.Process(b.fs).Environment()
	if err := b.open(); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("got %v", err)
	}

	// An empty log, and none at all, are no better.
	b.must(b.fs.RemoveAll(logDir))
	if err := b.open(); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("without a log: %v", err)
	}
}

// Tables that are behind the log are brought up to date, tables that are behind
// its beginning cannot be.
func TestTablesBehindTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.LogBytes, b.opts.MaterializeBytes, b.opts.OverlayBytes = 1<<20, 1<<30, 1<<30
	b.start()
	for i := range 10 {
		b.put(fmt.Sprint(i), "")
	}
	b.materialize()
	b.sim.Crash()
	b.memory = tables.NewMemory(true)
	b.opts.Tables = b.memory
	b.reopen(b.clone())
	for i := range 10 {
		if _, ok := b.get(fmt.Sprint(i)); !ok {
			t.Errorf("row %d is missing", i)
		}
	}
	for i := range 20 {
		b.append(rowOf(fmt.Sprint(i), 100<<10))
		b.settle()
	}
	b.must(b.Close())
	b.opts.Tables = tables.NewMemory(true)
	b.opts.Environment = b.sim.Process(b.fs).Environment()
	if err := b.open(); !errors.Is(err, wal.ErrDamaged) || !strings.Contains(err.Error(), "expected batch 1") {
		t.Errorf("got %v", err)
	}
}

// The witness remembers what was durable even if the tables know nothing of it.
func TestALogThatWasCutIsDamaged(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.put("1", "")
	old := b.clone()
	b.put("2", "")
	b.must(b.Abort())
	witness := logDir + "/witness"
	b.must(vfs.CopyAcrossFS(b.fs, witness, old, witness))
	b.opts.Environment = b.sim.Process(old).Environment()
	if err := b.open(); !errors.Is(err, wal.ErrDamaged) || !strings.Contains(err.Error(), "batch 2 was durable") {
		t.Errorf("got %v", err)
	}
}

// What is written in a newer version, or nonsense, stops the journal from being
// opened, and says what it is.
func TestWhatCannotBeReadIsNotOpened(t *testing.T) {
	t.Parallel()
	newer := func(b []byte) []byte {
		b[0] = 2
		return b
	}
	for name, test := range map[string]struct {
		key, value []byte
		want       string
	}{
		"newer marker":     {markerKey, newer(exampleMarker().encode()), "marker in the tables: version 2, this program knows 1"},
		"short marker":     {markerKey, exampleMarker().encode()[:24], "malformed marker in the tables: 01"},
		"empty marker":     {markerKey, nil, "malformed marker in the tables"},
		"newer state":      {specKey(7), newer(encodeSpec(exampleSpec())), "malformed state declaration: version 2, this program knows 1"},
		"strange state":    {MetaKey("state/"), encodeSpec(exampleSpec()), "malformed state declaration: key ffff6d73746174652f"},
		"truncated states": {specKey(7), encodeSpec(exampleSpec())[:9], "malformed state declaration: key ffff6d73746174652f00000007"},
	} {
		b := setup(t)
		var batch tables.Batch
		batch.Set(test.key, test.value)
		b.must(b.memory.Apply(&batch))
		if err := b.open(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, expected %q", name, err, test.want)
		}
	}
}

// Waiting messages are looked at after the journal was opened.
func TestWaitingMessagesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	ada := NewRecord(greeter.At("Ada"), 0)
	newer := exampleChunk()
	newer[0] = 2
	for name, test := range map[string]struct {
		key, value []byte
		want       string
	}{
		"newer chunk":   {chunkKey(0, ada.Address, 1), newer, "malformed inbox chunk: version 2, this program knows 1 of example/greeter/Ada"},
		"empty chunk":   {chunkKey(0, ada.Address, 1), nil, "malformed inbox chunk of example/greeter/Ada"},
		"newer window":  {windowKey(0, ada.Address), newer, "malformed inbox chunk: version 2, this program knows 1 of example/greeter/Ada"},
		"strange inbox": {append(windowKey(0, ada.Address), 0), exampleChunk(), "malformed inbox chunk at "},
		"no address":    {groupKey(0, sectionInbox), exampleChunk(), "key ends early"},
	} {
		b := setup(t)
		var batch tables.Batch
		batch.Set(test.key, test.value)
		b.must(b.memory.Apply(&batch))
		b.start()
		if _, _, err := b.Stored(0, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, expected %q", name, err, test.want)
		}
		b.must(b.Abort())
	}
}

// A batch that is intact but makes no sense is no reason to skip it.
func TestABatchThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	var e encoder
	e.begin(1)
	e.record(greeter, []byte("Ada"), []byte{2})
	for name, test := range map[string]struct {
		payload []byte
		want    string
	}{
		"newer":  {[]byte{2, 0}, "batch 1: persistence: malformed batch: version 2, this program knows 1"},
		"empty":  {nil, "batch 1: persistence: malformed batch"},
		"row":    {[]byte{1, 0, byte(entryPut), 100}, "batch 1: persistence: malformed batch"},
		"clear":  {[]byte{1, 0, byte(entryClear), 100}, "batch 1: persistence: malformed batch"},
		"kind":   {[]byte{1, 0, 99}, "batch 1: persistence: malformed batch"},
		"record": {e.b, "batch 1: persistence: malformed record: version 2, this program knows 1"},
	} {
		b := setup(t)
		env := b.opts.Environment
		b.must(makeDirs(env.FS, logDir))
		log, err := wal.Open(wal.Options{FS: env.FS, Dir: logDir, Random: env.Random}, 0, nil)
		b.must(err)
		b.must(log.Append(1, test.payload))
		b.must(log.Close())
		if err := b.open(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, expected %q", name, err, test.want)
		}
	}
}

// Names are durable from the start: a journal that was never written to survives
// a crash.
func TestAFreshJournalSurvivesACrash(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.crash()
	b.put("row", "value")
	b.crash()
	if v, _ := b.get("row"); v != "value" {
		t.Errorf("the row is %q", v)
	}
	b.must(b.Close())
}

// The real tables, opened and recovered in the same way.
func TestRecoveryWithPebble(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.Tables, b.opts.CacheBytes = nil, 1<<20
	b.start()
	b.put("first", "one")
	b.materialize()
	b.put("second", "two")
	clone := b.clone()
	b.must(b.Abort())
	b.reopen(clone)
	for key, want := range map[string]string{"first": "one", "second": "two"} {
		if v, _ := b.get(key); v != want {
			t.Errorf("%s is %q", key, v)
		}
	}
	b.restart()
	if n := b.Metrics().OverlayBytes; n != 0 {
		t.Errorf("the overlay has %d bytes after a clean start", n)
	}
	if v, _ := b.get("first"); v != "one" || b.Metrics().Tables.DiskBytes == 0 {
		t.Errorf("got %q, %+v", v, b.Metrics())
	}
	b.must(b.Close())
}
