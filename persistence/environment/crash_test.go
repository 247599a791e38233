package environment

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// damagedDisk is a file system with a file that was synced and changed since, one
// that was synced and removed, and one that never was synced.
func damagedDisk(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	if err := fs.MkdirAll("/dir", 0o700); err != nil {
		t.Fatal(err)
	}
	changed := writeFile(t, fs, "/dir/changed", strings.Repeat("a", 10*sectorBytes))
	writeFile(t, fs, "/dir/removed", "r")
	if err := syncNames(fs, "/"); err != nil {
		t.Fatal(err)
	}
	if _, err := changed.WriteAt(bytes.Repeat([]byte("b"), 12*sectorBytes), 0); err != nil {
		t.Fatal(err)
	}
	if err := fs.Remove("/dir/removed"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, fs, "/dir/new", "n")
	return fs
}

func writeFile(t *testing.T, fs vfs.FS, path, content string) vfs.File {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return f
}

func readFile(fs vfs.FS, path string) string {
	f, err := fs.Open(path)
	if err != nil {
		return ""
	}
	b, err := io.ReadAll(f)
	if err != nil || f.Close() != nil {
		return ""
	}
	return string(b)
}

func TestCrashFilesBounds(t *testing.T) {
	t.Parallel()
	left := CrashFiles(damagedDisk(t), 0, nil)
	if c := readFile(left, "/dir/changed"); c != strings.Repeat("a", 10*sectorBytes) || readFile(left, "/dir/removed") != "r" || readFile(left, "/dir/new") != "" {
		t.Error("with 0 percent not what was synced")
	}
	left = CrashFiles(damagedDisk(t), 100, newRand(1))
	if c := readFile(left, "/dir/changed"); c != strings.Repeat("b", 12*sectorBytes) || readFile(left, "/dir/removed") != "" || readFile(left, "/dir/new") != "n" {
		t.Error("with 100 percent not what was written")
	}
}

func TestCrashFilesTearAtSectors(t *testing.T) {
	t.Parallel()
	torn, names := 0, map[string]bool{}
	for seed := range uint64(50) {
		left := CrashFiles(damagedDisk(t), 50, newRand(seed))
		content := readFile(left, "/dir/changed")
		for at := 0; at < len(content); at += sectorBytes {
			s := content[at : at+sectorBytes]
			if c := s[:1]; strings.Count(s, c) != sectorBytes || c != "a" && c != "b" && c != "\x00" {
				t.Fatalf("seed %d: sector %d is torn", seed, at/sectorBytes)
			}
		}
		if strings.Contains(content, "a") && strings.Contains(content, "b") {
			torn++
		}
		names[readFile(left, "/dir/removed")+readFile(left, "/dir/new")] = true
		again := CrashFiles(damagedDisk(t), 50, newRand(seed))
		if left.String() != again.String() || content != readFile(again, "/dir/changed") {
			t.Fatalf("seed %d does not repeat", seed)
		}
		if twice := CrashFiles(left, 50, newRand(seed)); twice.String() != left.String() {
			t.Fatalf("seed %d: what a crash has left was not synced", seed)
		}
	}
	if torn < 40 || len(names) != 4 {
		t.Errorf("%d of 50 files are torn, the names are %v, expected each combination", torn, names)
	}
}
