package statefun

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// files are the content of a data directory, by path.
type files map[string][]byte

func readFiles(t testing.TB, fs vfs.FS, path string) files {
	t.Helper()
	all := files{}
	names, err := fs.List(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p := fs.PathJoin(path, name)
		info, err := fs.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			maps.Copy(all, readFiles(t, fs, p))
			continue
		}
		all[p] = readFile(t, fs, p)
	}
	return all
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (f files) write(t testing.TB, fs vfs.FS) {
	t.Helper()
	for path, b := range f {
		if err := fs.MkdirAll(fs.PathDir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, fs, path, b)
	}
}

func writeFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	out, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = out.Write(bytes.Clone(b)) // a file in memory may spoil what it was given
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

var damageScale = scale{
	ledgers: 40, sets: 4, gates: 4, many: 1800, few: 30, clocks: 4, timers: 20, workers: 5, bad: 5, once: 4,
}

// Any single bit, any length, any file: the start or a later read says which file
// is damaged, or everything is right. Half of the runs find large tables, which
// are verified in the background only.
func TestDamageIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{true, false} {
		t.Run(fmt.Sprintf("crash=%t", crash), func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			w, c := buildWorld(t, fs, damageScale)
			stop := w.node.Close
			if crash {
				stop = w.crash
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			d := &damageTest{content: c, files: readFiles(t, fs, "/world"), rng: rand.New(rand.NewPCG(*damageSeed, 1))}
			d.files["/world/node.json"] = []byte("{\"pid\": 1, \"http\": \"\"}\n")
			d.run(t)
		})
	}
}

var (
	damageSeed  = flag.Uint64("damage-seed", 1, "seed of the damages")
	damageTimes = flag.Int("damages", 6, "damages of each kind and file")
)

// damageTest does damage to copies of one data directory.
type damageTest struct {
	*content

	files files
	rng   *rand.Rand

	mu           sync.Mutex
	right, named int
}

// A damage changes a file; a nil result removes it.
type damage struct {
	file string
	what string
	was  []byte
	is   []byte
	// large verifies the tables in the background only.
	large bool
}

func (d *damageTest) run(t *testing.T) {
	t.Helper()
	if err := d.try(t, damage{file: "/world/LOCK", is: []byte{}}); err != nil {
		t.Fatalf("without any damage: %v", err)
	}
	damages := make(chan damage)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for dm := range damages {
				d.check(t, dm)
			}
		})
	}
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		for _, dm := range d.damagesOf(path) {
			damages <- dm
		}
	}
	close(damages)
	group.Wait()
	t.Logf("%d starts found the damage and named the file, %d found everything right", d.named, d.right)
	if d.named == 0 || d.right == 0 {
		t.Error("expected some of both")
	}
}

func (d *damageTest) damagesOf(path string) []damage {
	was := d.files[path]
	all := []damage{{file: path, what: "removed", was: was}}
	n := *damageTimes
	if testing.Short() {
		n = min(n, 2)
	}
	if len(was) == 0 {
		return all
	}
	for i := range n {
		size := d.rng.IntN(len(was))
		if i == 0 {
			size = len(was) - 1
		}
		all = append(all, damage{
			file: path, what: fmt.Sprintf("cut to %d of %d bytes", size, len(was)), was: was, is: was[:size], large: i%2 == 1,
		})
	}
	for i := range 2 * n {
		at := d.rng.IntN(len(was))
		for range 1000 * (i % 2) { // half of them where there is something
			if was[at] != 0 {
				break
			}
			at = d.rng.IntN(len(was))
		}
		is, bit := bytes.Clone(was), d.rng.IntN(8)
		is[at] ^= 1 << bit
		all = append(all, damage{
			file: path, what: fmt.Sprintf("bit %d of byte %d flipped", bit, at), was: was, is: is, large: i%4 > 1,
		})
	}
	return all
}

// try starts a node on a damaged copy of the files.
func (d *damageTest) try(t *testing.T, dm damage) error {
	t.Helper()
	fs := vfs.NewMem()
	d.files.write(t, fs)
	if dm.is == nil {
		if err := fs.Remove(dm.file); err != nil {
			t.Error(err)
		}
	} else {
		writeFile(t, fs, dm.file, dm.is)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := newWorld(fs)
	if dm.large {
		w.app.Config.verifyBytes = -1
	}
	return runWorld(ctx, w, d.content)
}

func (d *damageTest) check(t *testing.T, dm damage) {
	t.Helper()
	err := d.try(t, dm)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.right++
	case errors.As(err, &unequal{}):
		t.Errorf("%s, %s: the node ran and is wrong: %v", dm.file, dm.what, err)
	case !dm.namedIn(err.Error()):
		t.Errorf("%s, %s: the error does not name the file: %v", dm.file, dm.what, err)
	default:
		d.named++
	}
}

// namedIn reports whether an error names the file. Of a file that is missing it
// may say what kind it was and where.
func (dm damage) namedIn(text string) bool {
	dir, name := path.Split(dm.file)
	if strings.Contains(text, name) {
		return true
	}
	if kind, _, ok := strings.Cut(name, ".0"); ok && strings.Contains(text, dir+kind+".*") {
		return true
	}
	return dm.is == nil && strings.HasSuffix(name, ".log") && strings.Contains(text, path.Clean(dir)+" ") &&
		(strings.Contains(text, "the segment that holds it is missing") || strings.Contains(text, "all segments are missing"))
}
