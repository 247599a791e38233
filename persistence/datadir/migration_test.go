package datadir

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const formatOne = `{"format":1,"name":"fraud","key_groups":64}`

// oldDirectory is a directory of format 1.
func oldDirectory(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/data", 0o700); err != nil {
		t.Fatal(err)
	}
	rewriteFile(t, fs, []byte(formatOne))
	return fs
}

// An older directory is migrated, once, and says so.
func TestMigration(t *testing.T) {
	t.Parallel()
	fs := oldDirectory(t)
	var told []Migration
	for range 2 {
		d, err := Open(fs, "/data", Application{}, func(m Migration) { told = append(told, m) })
		if err != nil {
			t.Fatal(err)
		}
		if want := (Application{Format, "fraud", 64}); d.Application != want {
			t.Errorf("got %+v, expected %+v", d.Application, want)
		}
		mustClose(t, d)
	}
	if len(told) != Format-1 || told[0].From != 1 || told[0].To != 2 || told[0].What == "" {
		t.Errorf("told %+v", told)
	}
	if n := len(migrations()); n != Format-1 {
		t.Errorf("there are %d steps to format %d", n, Format)
	}
}

// A migration that is interrupted goes on with the step that was not done.
func TestMigrationGoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	fs := oldDirectory(t)
	var ran []string
	var told []Migration
	broken := errors.New("the power is off")
	migrate := func(outcome error) error {
		d, err := open(fs, "/data", Application{})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, d)
		run := func(name string, outcome error) step {
			return step{name, func(d *Dir, progress func(done, total int64)) error {
				ran = append(ran, fmt.Sprintf("%s from %d", name, d.Format))
				progress(1, 2)
				return outcome
			}}
		}
		return d.migrate([]step{run("first", nil), run("second", outcome)}, func(m Migration) { told = append(told, m) })
	}
	if err := migrate(broken); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if err := migrate(nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"first from 1", "second from 2", "second from 2"}; !slices.Equal(ran, want) {
		t.Errorf("ran %q, expected %q", ran, want)
	}
	if last := told[len(told)-1]; last != (Migration{2, 3, "second", 1, 2}) {
		t.Errorf("told %+v", last)
	}
}
