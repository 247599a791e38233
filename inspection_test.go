package statefun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors/inspection"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

func inspect(t *testing.T, fs vfs.FS) *inspection.Report {
	t.Helper()
	env := environment.Real()
	env.FS = fs
	r, err := inspection.Run(t.Context(), inspection.Options{Environment: env, Data: "/world"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stoppedWorld is the files of a world whose node crashed or was closed.
func stoppedWorld(t *testing.T, crash bool) (files, *content) {
	t.Helper()
	fs := vfs.NewMem()
	w, c := buildWorld(t, fs, damageScale)
	stop := w.node.Close
	if crash {
		stop = w.crash
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return readFiles(t, fs, "/world"), c
}

// A healthy directory is healthy, with all that is in it counted, and not a byte
// of it changes.
func TestInspectionOfAHealthyDirectory(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{true, false} {
		all, c := stoppedWorld(t, crash)
		fs := vfs.NewMem()
		all.write(t, fs)
		r := inspect(t, fs)
		if !r.Healthy() {
			t.Fatalf("crash=%t: found %+v", crash, r)
		}
		waiting := 0
		for _, g := range c.gates {
			waiting += len(g)
		}
		want := inspection.Counts{
			Addresses: r.Counts.Addresses, States: r.Counts.States, Entries: r.Counts.Entries, LargeValues: r.Counts.LargeValues,
			Windows: r.Counts.Windows, Chunks: r.Counts.Chunks, Tokens: r.Counts.Tokens, Timers: r.Counts.Timers,
			Waiting: int64(waiting), Async: int64(c.works), Quarantined: int64(c.bad), Egress: int64(c.sends),
		}
		if r.Counts != want {
			t.Errorf("crash=%t: got %+v, expected %+v", crash, r.Counts, want)
		}
		// Every ledger has a nudge besides.
		if got := r.Counts.Timers; got <= int64(c.rings) || r.Counts.Tokens == 0 {
			t.Errorf("crash=%t: %d timers and %d tokens, %d messages are to be sent", crash, got, r.Counts.Tokens, c.rings)
		}
		if r.Counts.Addresses < int64(len(c.ledgers)) || r.Counts.LargeValues == 0 || r.Counts.Windows == 0 || r.Counts.Chunks == 0 {
			t.Errorf("crash=%t: this world lacks something: %+v", crash, r.Counts)
		}
		if after := readFiles(t, fs, "/world"); !maps.EqualFunc(after, all, bytes.Equal) {
			t.Errorf("crash=%t: the inspection has changed something", crash)
		}
	}
}

// A planted is something wrong in the tables.
type planted struct {
	name  string
	check inspection.Check
	text  string
	plant func(p *planter)
}

// planter changes tables behind the journal's back.
type planter struct {
	*testing.T
	tables.Tables

	batch tables.Batch
}

// first returns the first row of a section of the key groups, and of those that
// suit.
func (p *planter) first(r func(persistence.KeyGroup) persistence.KeyRange, suits func(persistence.Row) bool) persistence.Row {
	p.Helper()
	var found persistence.Row
	for g := persistence.KeyGroup(0); g < worldGroups && found.Key == nil; g++ {
		kr := r(g)
		err := p.Scan(kr.Low, kr.High, func(k, v []byte) bool {
			row := persistence.Row{Key: append([]byte(nil), k...), Value: append([]byte(nil), v...)}
			if suits(row) {
				found = row
			}
			return found.Key == nil
		})
		if err != nil {
			p.Fatal(err)
		}
	}
	if found.Key == nil {
		p.Fatal("there is no such row")
	}
	return found
}

func anyRow(persistence.Row) bool { return true }

func rowOf(kind persistence.AddressRowKind) func(persistence.Row) bool {
	return func(row persistence.Row) bool {
		k, err := persistence.CutAddressRow(row.Key)
		return err == nil && k.Kind == kind
	}
}

func isWindow(row persistence.Row) bool {
	in, err := persistence.DecodeInboxRow(row)
	return err == nil && in.Window
}

func plantedOnes() []planted {
	ledger0 := functions.TypeName("world/ledger").At("ledger 0")
	groupOf0 := persistence.GroupOf("ledger 0", worldGroups)
	return []planted{
		{"key group", inspection.CheckKeys, "belongs to no part", func(p *planter) {
			p.batch.Set([]byte{0, worldGroups, 'a', 1}, nil)
		}},
		{"section", inspection.CheckKeys, "belongs to no part", func(p *planter) { p.batch.Set([]byte{0, 1, 'z'}, nil) }},
		{"address key", inspection.CheckKeys, "not the key of", func(p *planter) {
			p.batch.Set(append(persistence.AddressRange(groupOf0, ledger0).Low, 77), nil)
		}},
		{"record", inspection.CheckStates, "malformed record", func(p *planter) {
			row := p.first(persistence.AddressesRange, rowOf(persistence.RowRecord))
			p.batch.Set(row.Key, row.Value[:len(row.Value)-1])
		}},
		{"large value is missing", inspection.CheckStates, "missing value", func(p *planter) {
			p.batch.Delete(p.first(persistence.AddressesRange, rowOf(persistence.RowLarge)).Key)
		}},
		{"large value of nobody", inspection.CheckStates, "state number 99", func(p *planter) {
			p.batch.Set(persistence.LargeKey(groupOf0, ledger0, 99), []byte("x"))
		}},
		{"list entry is missing", inspection.CheckStates, "entries on disk", func(p *planter) {
			p.batch.Delete(p.first(persistence.AddressesRange, rowOf(persistence.RowEntry)).Key)
		}},
		{"entry of nobody", inspection.CheckStates, "belongs to no list or map", func(p *planter) {
			p.batch.Set(append(persistence.EntryPrefix(groupOf0, ledger0, 4, 1), "k"...), []byte("x"))
		}},
		{"declaration is missing", inspection.CheckStates, "never declared", func(p *planter) {
			r := persistence.PrefixRange(persistence.MetaKey("state/"))
			p.batch.Clear(r.Low, r.High)
		}},
		{"nudge is missing", inspection.CheckExpiry, "no timer", func(p *planter) {
			row := p.first(persistence.TimerRange, func(r persistence.Row) bool { return strings.Contains(string(r.Value), "io.statefun/expire") })
			p.batch.Delete(row.Key)
		}},
		{"chunk", inspection.CheckInbox, "malformed inbox chunk", func(p *planter) {
			row := p.first(persistence.InboxRange, func(r persistence.Row) bool { return !isWindow(r) })
			p.batch.Set(row.Key, row.Value[:len(row.Value)-1])
		}},
		{"chunks overlap", inspection.CheckInbox, "overlaps", func(p *planter) {
			row := p.first(persistence.InboxRange, func(r persistence.Row) bool {
				in, err := persistence.DecodeInboxRow(r)
				return !isWindow(r) && err == nil && len(in.Messages) > 1
			})
			in, err := persistence.DecodeInboxRow(row)
			if err != nil {
				p.Fatal(err)
			}
			// The same chunk again, as if it began with its second message.
			b := append([]byte{1}, binary.AppendUvarint(nil, uint64(in.Messages[1].Sequence))...)
			b = binary.AppendUvarint(b, 1)
			b = binary.AppendUvarint(b, uint64(in.Messages[1].Sequence))
			for range 4 {
				b = append(b, 0)
			}
			key := binary.BigEndian.AppendUint64(row.Key[:len(row.Key)-8:len(row.Key)-8], uint64(in.Messages[1].Sequence))
			p.batch.Set(key, b)
		}},
		{"inbox in another key group", inspection.CheckInbox, "belongs to key group", func(p *planter) {
			row := p.first(persistence.InboxRange, isWindow)
			p.batch.Set(append([]byte{0, (row.Key[1] + 1) % worldGroups}, row.Key[2:]...), row.Value)
		}},
		{"timer", inspection.CheckTimers, "malformed", func(p *planter) {
			row := p.first(persistence.TimerRange, anyRow)
			p.batch.Set(row.Key, row.Value[:1])
		}},
		{"timer from the future", inspection.CheckTimers, "the highest that was given out", func(p *planter) {
			row := p.first(persistence.TimerRange, anyRow)
			p.batch.Set(persistence.TimerKey(0, 1<<41, 1<<60), row.Value)
		}},
		{"token is missing", inspection.CheckTokens, "cannot be cancelled", func(p *planter) {
			p.batch.Delete(p.first(persistence.TokensRange, anyRow).Key)
		}},
		{"token without a timer", inspection.CheckTokens, "leads to no timer", func(p *planter) {
			p.batch.Delete(p.first(persistence.TokensRange, anyRow).Value)
		}},
		{"asynchronous work", inspection.CheckAsync, "malformed", func(p *planter) {
			row := p.first(persistence.AsyncRange, anyRow)
			p.batch.Set(row.Key, row.Value[:1])
		}},
		{"quarantined message", inspection.CheckQuarantine, "quarantined message at", func(p *planter) {
			row := p.first(persistence.QuarantineRange, anyRow)
			p.batch.Set(row.Key, row.Value[:len(row.Value)-1])
		}},
		{"egress record", inspection.CheckEgress, "malformed egress record", func(p *planter) {
			p.batch.Set(persistence.EgressKey("world/out", 7), []byte{1, 200})
		}},
		{"egress record from the future", inspection.CheckEgress, "the highest that was given out", func(p *planter) {
			p.batch.Set(persistence.EgressKey("world/out", 1<<60), []byte{1, 0, 0, 0})
		}},
		{"marker ahead of the log", inspection.CheckLog, "batch", func(p *planter) {
			v, _, err := p.Get(persistence.MetaKey("marker"), nil)
			if err != nil {
				p.Fatal(err)
			}
			v[7]++ // of the batch
			p.batch.Set(persistence.MetaKey("marker"), v)
		}},
	}
}

// Each violation is found, under its check.
func TestInspectionFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	all, _ := stoppedWorld(t, false)
	for _, v := range plantedOnes() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			all.write(t, fs)
			open, err := tables.OpenPebble(tables.Options{FS: fs, Dir: "/world/journal/tables"})
			if err != nil {
				t.Fatal(err)
			}
			p := &planter{T: t, Tables: open}
			v.plant(p)
			if err := errors.Join(p.Apply(&p.batch), p.Flush(), p.Close()); err != nil {
				t.Fatal(err)
			}
			r := inspect(t, fs)
			for _, found := range r.Problems {
				if found.Check == v.check && strings.Contains(found.What, v.text) && found.Check.Advice() != "" {
					return
				}
			}
			t.Errorf("expected a problem of %s with %q, found %+v", v.check, v.text, r.Problems)
		})
	}
}

// Damaged files are found and named, one by one.
func TestInspectionFindsDamagedFiles(t *testing.T) {
	t.Parallel()
	all, _ := stoppedWorld(t, true)
	for path, b := range all {
		var check inspection.Check
		switch {
		case strings.HasSuffix(path, ".sst"):
			check = inspection.CheckTables
		case strings.Contains(path, "/log/0"), strings.HasSuffix(path, "application.json"):
			check = inspection.CheckLog
			if strings.HasSuffix(path, "json") {
				check = inspection.CheckApplication
			}
		default:
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			all.write(t, fs)
			bad := append([]byte(nil), b...)
			bad[50] ^= 4
			writeFile(t, fs, path, bad)
			r := inspect(t, fs)
			if r.Healthy() || r.Problems[0].Check != check || !strings.Contains(r.Problems[0].What, path) {
				t.Errorf("expected a problem of %s with %s, found %+v", check, path, r.Problems)
			}
		})
	}
}

func TestInspectionRefuses(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	w := newWorld(fs)
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	env := environment.Real()
	env.FS = fs
	if _, err := inspection.Run(t.Context(), inspection.Options{Environment: env, Data: "/world"}); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("in use: got %v", err)
	}
	if err := w.node.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := inspection.Run(t.Context(), inspection.Options{Environment: env, Data: "/other"}); err == nil || !strings.Contains(err.Error(), "not a data directory") {
		t.Errorf("no directory: got %v", err)
	}
	if _, err := fs.Stat("/other"); err == nil {
		t.Error("the inspection has made a directory")
	}
}
