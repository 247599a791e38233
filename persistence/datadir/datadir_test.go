package datadir

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestOpenCreatesThenRecognises(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	d := mustOpen(t, fs, Application{Name: "fraud"})
	if !d.Created || d.KeyGroups != 128 {
		t.Fatalf("got %+v", d)
	}
	if err := d.Announce(Node{PID: 7, HTTP: "http://127.0.0.1:8080"}); err != nil {
		t.Fatal(err)
	}
	n, err := ReadNode(fs, "/data")
	if err != nil || n.PID != 7 {
		t.Fatalf("got %+v, %v", n, err)
	}
	mustClose(t, d)
	if _, err := ReadNode(fs, "/data"); err == nil || !strings.Contains(err.Error(), "no node runs") {
		t.Fatalf("got %v", err)
	}
	d = mustOpen(t, fs, Application{})
	defer mustClose(t, d)
	if d.Created || d.Name != "fraud" {
		t.Fatalf("got %+v", d)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		want       Application
		text       string
	}{
		{"another name", `{"format":1,"name":"a","key_groups":128}`, Application{Name: "b"}, `belongs to the application "a", not to "b"`},
		{"other key groups", `{"format":1,"name":"a","key_groups":128}`, Application{KeyGroups: 64}, "has 128 key groups, not 64"},
		{"newer format", `{"format":3,"name":"a","key_groups":128}`, Application{}, "written by a newer version"},
		{"no checksum", `{"format":2,"name":"a","key_groups":128}`, Application{}, "has the checksum"},
		{"something behind", `{"format":1,"name":"a","key_groups":128}{}`, Application{}, "after top-level value"},
		{"nonsense", `{"format":1}`, Application{}, "is damaged"},
		{"no JSON", `x`, Application{}, "is damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			d := mustOpen(t, fs, Application{Name: "a"})
			if err := d.writeFile("/data/application.json", []byte(tt.file)); err != nil {
				t.Fatal(err)
			}
			mustClose(t, d)
			if _, err := Open(fs, "/data", tt.want, nil); err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want it to contain %q", err, tt.text)
			}
		})
	}
}

func TestOpenRefusesALockedDirectory(t *testing.T) {
	t.Parallel()
	fs, dir := vfs.Default, t.TempDir()
	d, err := Open(fs, dir, Application{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, d)
	if _, err := Open(fs, dir, Application{}, nil); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v", err)
	}
}

func TestOpenMissesApplicationFile(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/data/journal/log", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fs, "/data", Application{}, nil); err == nil || !strings.Contains(err.Error(), "application.json") {
		t.Fatalf("got %v", err)
	}
}

func mustOpen(t *testing.T, fs vfs.FS, a Application) *Dir {
	t.Helper()
	d, err := Open(fs, "/data", a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustClose(t *testing.T, d *Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// One bit of key_groups is enough to lose every id.
func TestEveryBitOfTheApplicationFileCounts(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	mustClose(t, mustOpen(t, fs, Application{Name: "fraud"}))
	good, err := readFile(fs, "/data/application.json")
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			rewriteFile(t, fs, bad)
			d, err := Open(fs, "/data", Application{}, nil)
			switch {
			case err != nil && !strings.Contains(err.Error(), "/data/application.json"):
				t.Errorf("bit %d of byte %d: the file is not named: %v", bit, at, err)
			case err == nil && (d.Name != "fraud" || d.KeyGroups != 128):
				t.Errorf("bit %d of byte %d: got %+v", bit, at, d.Application)
			}
			if err == nil {
				mustClose(t, d)
			}
		}
	}
	for size := range len(good) - 1 { // without its last byte, a line's end, it is whole
		rewriteFile(t, fs, good[:size])
		if _, err := Open(fs, "/data", Application{}, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: got %v", size, err)
		}
	}
}

func rewriteFile(t *testing.T, fs vfs.FS, b []byte) {
	t.Helper()
	if err := (&Dir{fs: fs}).writeFile("/data/application.json", b); err != nil {
		t.Fatal(err)
	}
}

// Somebody who looks leaves everything as it is, and does not look at a directory
// that has to be migrated first.
func TestInspect(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	if _, err := Inspect(fs, "/data"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: got %v", err)
	}
	d := mustOpen(t, fs, Application{Name: "fraud"})
	if err := d.Announce(Node{PID: 7}); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(fs, "/data"); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: got %v", err)
	}
	if err := d.lock.Close(); err != nil { // as kill -9 leaves it
		t.Fatal(err)
	}
	d, err := Inspect(fs, "/data")
	if err != nil || d.Name != "fraud" {
		t.Fatalf("got %+v, %v", d, err)
	}
	mustClose(t, d)
	if n, err := ReadNode(fs, "/data"); err != nil || n.PID != 7 {
		t.Errorf("node.json: got %+v, %v", n, err)
	}
	rewriteFile(t, fs, []byte(formatOne))
	if _, err := Inspect(fs, "/data"); err == nil || !strings.Contains(err.Error(), "has format 1") {
		t.Errorf("an older format: got %v", err)
	}
}

func FuzzApplication(f *testing.F) {
	f.Add([]byte(formatOne))
	f.Add([]byte(`{"format":2,"name":"fraud","key_groups":128,"checksum":"00000000"}`))
	f.Add([]byte(`{"format":3,"name":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeApplication(b)
		if err == nil && a.Format <= Format && (a.Format < 1 || a.Name == "" || a.KeyGroups < 1) {
			t.Errorf("%s became %+v", b, a)
		}
	})
}
