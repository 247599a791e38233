package datadir

import (
	"errors"
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
		{"newer format", `{"format":2,"name":"a","key_groups":128}`, Application{}, "written by a newer version"},
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
			if _, err := Open(fs, "/data", tt.want); err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want it to contain %q", err, tt.text)
			}
		})
	}
}

func TestOpenRefusesALockedDirectory(t *testing.T) {
	t.Parallel()
	fs, dir := vfs.Default, t.TempDir()
	d, err := Open(fs, dir, Application{})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, d)
	if _, err := Open(fs, dir, Application{}); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v", err)
	}
}

func TestOpenMissesApplicationFile(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/data/journal/log", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fs, "/data", Application{}); err == nil || !strings.Contains(err.Error(), "application.json") {
		t.Fatalf("got %v", err)
	}
}

func mustOpen(t *testing.T, fs vfs.FS, a Application) *Dir {
	t.Helper()
	d, err := Open(fs, "/data", a)
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
