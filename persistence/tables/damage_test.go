package tables

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// damaged is a directory of tables with two files of rows and a few edits in its
// MANIFEST.
type damaged struct {
	testing.TB
	fs *vfs.MemFS
}

func newDamaged(t testing.TB) *damaged {
	t.Helper()
	d := &damaged{t, vfs.NewMem()}
	p := openPebble(t, d.fs)
	for i := range 2 {
		var b Batch
		for k := range 100 {
			b.Set(fmt.Appendf(nil, "key %d %d", i, k), bytes.Repeat([]byte{byte(k)}, 100))
		}
		if err := errors.Join(p.Apply(&b), p.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *damaged) files(like string) []string {
	d.Helper()
	names, err := d.fs.List("tables")
	if err != nil {
		d.Fatal(err)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, like) && !strings.HasSuffix(name, like) })
}

// last is the path of the newest of some files.
func (d *damaged) last(like string) string {
	d.Helper()
	names := d.files(like)
	if len(names) == 0 {
		d.Fatalf("there is no %s", like)
	}
	return "tables/" + names[len(names)-1]
}

func (d *damaged) read(path string) []byte {
	d.Helper()
	f, err := d.fs.Open(path)
	if err != nil {
		d.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		d.Fatal(err)
	}
	return b
}

func (d *damaged) write(path string, b []byte) {
	d.Helper()
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		d.Fatal(err)
	}
	_, err = f.Write(bytes.Clone(b))
	if err := errors.Join(err, f.Close()); err != nil {
		d.Fatal(err)
	}
}

func (d *damaged) flip(path string, at int) {
	d.Helper()
	b := d.read(path)
	b[at] ^= 1
	d.write(path, b)
}

// content is all files with what is in them.
func (d *damaged) content() map[string]string {
	d.Helper()
	all := map[string]string{}
	for _, name := range d.files("") {
		all[name] = string(d.read("tables/" + name))
	}
	return all
}

// Where files do not fit together nothing is opened, the file is named, and
// nothing is removed.
func TestOpenPebbleNamesTheDamagedFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, file, text string
		do               func(d *damaged, path string)
	}{
		{"no marker of the MANIFEST", "marker.manifest", "tables/marker.manifest.*", func(d *damaged, path string) { d.remove(path) }},
		{"no marker of the format", "marker.format-version", "tables/marker.format-version.*", func(d *damaged, path string) { d.remove(path) }},
		{"no MANIFEST", "MANIFEST", "MANIFEST", func(d *damaged, path string) { d.remove(path) }},
		{"MANIFEST empty", "MANIFEST", "no record is readable", func(d *damaged, path string) { d.write(path, nil) }},
		{"MANIFEST damaged in the middle", "MANIFEST", "later ones are", func(d *damaged, path string) { d.flip(path, 30) }},
		{"OPTIONS", "OPTIONS", "OPTIONS", func(d *damaged, path string) { d.write(path, []byte("[Options]\n  comparer=other\n")) }},
		{"no table", ".sst", ".sst", func(d *damaged, path string) { d.remove(path) }},
		{"table cut off", ".sst", "size mismatch", func(d *damaged, path string) {
			b := d.read(path)
			d.write(path, b[:len(b)-1])
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			d := newDamaged(t)
			d.TB = t
			path := d.last(c.file)
			c.do(d, path)
			before := d.content()
			p, err := OpenPebble(Options{FS: d.fs, Dir: "tables"})
			if err == nil {
				t.Fatal(errors.Join(errors.New("expected an error"), p.Close()))
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.text) || !strings.Contains(c.text, "*") && !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, expected %q of %s", err, c.text, path)
			}
			if !maps.Equal(d.content(), before) {
				t.Error("the directory was changed")
			}
		})
	}
}

func (d *damaged) remove(path string) {
	d.Helper()
	if err := d.fs.Remove(path); err != nil {
		d.Fatal(err)
	}
}

// A MANIFEST that a crash has torn is no damage: its last edit was not there yet.
func TestATornManifestIsNoDamage(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	path := d.last("MANIFEST")
	d.write(path, append(d.read(path), 1, 2, 3, 4, 100, 0, 1, 5))
	p := openPebble(t, d.fs)
	_, ok, err := p.Get([]byte("key 1 99"), nil)
	if err := errors.Join(err, p.Close()); err != nil || !ok {
		t.Errorf("got %t, %v", ok, err)
	}
}

// All bytes of a file are verified, and every read that meets damage names it.
func TestVerifyFindsAnyByte(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	path := d.last(".sst")
	good := d.read(path)
	for at := 0; at < len(good); at += 11 {
		d.flip(path, at)
		p, err := OpenPebble(Options{FS: d.fs, Dir: "tables", ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		var found error
		files, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			found = errors.Join(found, p.Verify(f))
		}
		if !errors.Is(found, ErrDamaged) || !strings.Contains(found.Error(), path) {
			t.Errorf("byte %d: Verify returned %v", at, found)
		}
		if err := p.Scan(nil, nil, func([]byte, []byte) bool { return true }); err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("byte %d: Scan returned %v", at, err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		d.write(path, good)
	}
}

// Looking changes nothing, and finds nothing in what is whole.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	before := d.content()
	p, err := OpenPebble(Options{FS: d.fs, Dir: "tables", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(*pebbleTables).CheckLevels(); err != nil {
		t.Error(err)
	}
	if err := p.Verify(File{Path: "tables/999999.sst"}); err != nil {
		t.Errorf("a file that has been replaced: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(d.content(), before) {
		t.Error("the directory was changed")
	}
}
