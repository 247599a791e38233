package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Three records and their lines.
var (
	threeRecords = []persistence.EgressRecord{
		record(1, "a", functions.Int64.Of(10)), record(2, "b", functions.Int64.Of(20)), record(3, "a", functions.Int64.Of(30)),
	}
	threeLines = []string{
		`{"sequence":1,"key":"a","type":"io.statefun.types/long","value":10}` + "\n",
		`{"sequence":2,"key":"b","type":"io.statefun.types/long","value":20}` + "\n",
		`{"sequence":3,"key":"a","type":"io.statefun.types/long","value":30}` + "\n",
	}
)

// real is an egress to a real file.
func realFile(t *testing.T) (*Egress, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out", "alerts.jsonl")
	e := New(Options{Environment: environment.Real(), Path: path})
	t.Cleanup(func() { e.Close() })
	return e, path
}

func deliver(t *testing.T, e *Egress, records ...persistence.EgressRecord) (position []byte) {
	t.Helper()
	position, err := e.Deliver(context.Background(), records)
	if err != nil {
		t.Fatal(err)
	}
	return position
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, path string, lines ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(lines, ""); string(b) != want {
		t.Fatalf("the file has\n%swant\n%s", b, want)
	}
}

func TestKilledDuringADelivery(t *testing.T) {
	t.Parallel()
	for name, tail := range map[string]string{
		"nothing":         "",
		"a line":          threeLines[2],
		"a torn line":     threeLines[2][:20],
		"a line and more": threeLines[2] + threeLines[0][:1],
		"zeros":           strings.Repeat("\x00", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, path := realFile(t)
			if err := e.Open(nil); err != nil {
				t.Fatal(err)
			}
			position := deliver(t, e, threeRecords[:2]...)
			e.Close()
			write(t, path, threeLines[0]+threeLines[1]+tail)
			if err := e.Open(position); err != nil {
				t.Fatal(err)
			}
			expect(t, path, threeLines[:2]...)
			deliver(t, e, threeRecords[2])
			expect(t, path, threeLines...)
		})
	}
}

// In the first delivery the journal has no position yet.
func TestKilledDuringTheFirstDelivery(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]string{
		"nothing":     "",
		"a torn line": threeLines[0][:20],
		"zeros":       strings.Repeat("\x00", 30),
		"a hole":      threeLines[0][:20] + strings.Repeat("\x00", 30),
		"two lines":   threeLines[0] + threeLines[1],
		"more":        threeLines[0] + threeLines[1] + threeLines[2][:7],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, path := realFile(t)
			write(t, path, found)
			if err := e.Open(nil); err != nil {
				t.Fatal(err)
			}
			expect(t, path, found)
			deliver(t, e, threeRecords[0])
			deliver(t, e, threeRecords[1:]...)
			expect(t, path, threeLines...)
		})
	}
}

func TestForeignContentIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]string{
		"text":         "a diary\n",
		"another line": threeLines[1],
		"short":        "x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, path := realFile(t)
			write(t, path, found)
			if err := e.Open(nil); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := e.Deliver(context.Background(), threeRecords)
				mustSay(t, err, path+" has content that this application did not write")
			}
			expect(t, path, found)
		})
	}
}

func TestOpenRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		want   string
	}{
		"shorter": {
			func(t *testing.T, path string) { write(t, path, threeLines[0]) },
			"has 68 bytes, but 136 were written and acknowledged",
		},
		"empty": {
			func(t *testing.T, path string) { write(t, path, "") },
			"has 0 bytes, but 136 were written",
		},
		"replaced": {
			func(t *testing.T, path string) { write(t, path, strings.Repeat("x", 200)) },
			"does not have the line that was written before byte 136",
		},
		"changed": {
			func(t *testing.T, path string) {
				write(t, path, threeLines[0]+strings.Replace(threeLines[1], "20", "21", 1))
			},
			"the file was changed or replaced",
		},
		"gone": {
			func(t *testing.T, path string) { remove(t, path) },
			"does not exist, but 136 bytes were written",
		},
		"directory": {
			func(t *testing.T, path string) { remove(t, path); write(t, path+"/x", "") },
			"is not a regular file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, path := realFile(t)
			if err := e.Open(nil); err != nil {
				t.Fatal(err)
			}
			position := deliver(t, e, threeRecords[:2]...)
			e.Close()
			c.damage(t, path)
			before, _ := os.ReadFile(path)
			mustSay(t, e.Open(position), path, c.want)
			after, _ := os.ReadFile(path)
			if !bytes.Equal(before, after) {
				t.Errorf("the file was changed from %q to %q", before, after)
			}
		})
	}
}

func mustSay(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("got %v, want %q in it", err, part)
		}
	}
}

func TestOpenNeedsADirectory(t *testing.T) {
	t.Parallel()
	e, path := realFile(t)
	write(t, filepath.Dir(path), "a file in the way")
	if err := e.Open(nil); !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("got %v", err)
	}
	mustSay(t, New(Options{Environment: environment.Real(), Path: "/dev/null"}).Open(nil), "is not a regular file")
	mustSay(t, e.Open([]byte{9}), "unknown version")
}

func TestOthersCannotRead(t *testing.T) {
	t.Parallel()
	e, path := realFile(t)
	if err := e.Open(nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// A disk that is full for a while.
func TestDeliverAgainAfterAnError(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	full, onSync := false, false
	env := environment.Real()
	env.FS = errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full && (op.Kind == errorfs.OpFileWriteAt && !onSync || op.Kind == errorfs.OpFileSync && onSync) {
			return syscall.ENOSPC
		}
		return nil
	}))
	e := New(Options{Environment: env, Path: "/alerts.jsonl"})
	if err := e.Open(nil); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for i := range threeRecords {
		for _, onSync = range []bool{false, true} {
			full = true
			if _, err := e.Deliver(context.Background(), threeRecords[i:i+1]); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("got %v", err)
			}
			full = false
		}
		deliver(t, e, threeRecords[i])
	}
	m := machine{disk: disk, records: threeRecords}
	b, err := disk.Open("/alerts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([]byte, 1000)
	if n, _ := b.Read(got); string(got[:n]) != m.want() {
		t.Errorf("the file has\n%swant\n%s", got[:n], m.want())
	}
}

// Records of more than one write, and larger than one.
func TestLargeDelivery(t *testing.T) {
	t.Parallel()
	e, path := realFile(t)
	if err := e.Open(nil); err != nil {
		t.Fatal(err)
	}
	m := machine{}
	for i := range 12 {
		text := strings.Repeat("x", 200_000)
		if i == 6 {
			text = strings.Repeat("y", 5*maxWrite)
		}
		m.records = append(m.records, record(persistence.Sequence(i+1), "k", functions.String.Of(text)))
	}
	position := deliver(t, e, m.records...)
	expect(t, path, m.want())
	e.Close()
	if err := e.Open(position); err != nil {
		t.Fatal(err)
	}
	expect(t, path, m.want())
}

func TestDeliverEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e, path := realFile(t)
	if err := e.Open(nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Deliver(ctx, threeRecords); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	expect(t, path)
}

func TestCloseAtAnyTime(t *testing.T) {
	t.Parallel()
	e, _ := realFile(t)
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
