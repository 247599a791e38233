package statefun

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/datadir"
)

var rewrite = flag.Bool("rewrite", false, "write the golden data directory of the present format anew")

// goldenScale is small, as the directory is kept in the repository.
var goldenScale = scale{ledgers: 9, sets: 2, gates: 2, many: 1800, few: 10, clocks: 2, timers: 8, workers: 2, bad: 2, once: 2}

// A data directory of each format is opened by this program, which finds in it
// all that was put there. Its content follows from goldenScale: a file of an older
// format stays as it is for ever. After a change of the format raise
// datadir.Format, add the migration, and run
//
//	go test . -run Golden -rewrite
func TestGoldenDataDirectories(t *testing.T) {
	t.Parallel()
	if *rewrite {
		writeGolden(t)
	}
	for format := 1; format <= datadir.Format; format++ {
		t.Run(fmt.Sprintf("format=%d", format), func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			readGolden(t, format).write(t, fs)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := runWorld(ctx, newWorld(fs), goldenContent(t)); err != nil {
				t.Fatal(err)
			}
			text := string(readFile(t, fs, "/world/application.json"))
			if want := fmt.Sprintf(`"format": %d,`, datadir.Format); !strings.Contains(text, want) {
				t.Errorf("after the start expected %s in application.json, found %s", want, text)
			}
			if r := inspect(t, fs); !r.Healthy() {
				t.Errorf("found %+v", r)
			}
		})
	}
}

// goldenContent is what was given to a golden directory.
func goldenContent(t *testing.T) *content {
	t.Helper()
	c := newContent()
	for run := range 3 {
		(&giver{content: c, TB: t}).give(run, goldenScale)
	}
	return c
}

func goldenPath(format int) string {
	return filepath.Join("testdata", fmt.Sprintf("format-%d.zip", format))
}

func writeGolden(t *testing.T) {
	t.Helper()
	fs := vfs.NewMem()
	w, _ := buildWorld(t, fs, goldenScale)
	if err := w.crash(); err != nil {
		t.Fatal(err)
	}
	all := readFiles(t, fs, "/world")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		f, err := z.Create(strings.TrimPrefix(path, "/"))
		if err == nil {
			_, err = f.Write(all[path])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(z.Close(), os.MkdirAll("testdata", 0o755), os.WriteFile(goldenPath(datadir.Format), b.Bytes(), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

func readGolden(t *testing.T, format int) files {
	t.Helper()
	z, err := zip.OpenReader(goldenPath(format))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := files{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all["/"+f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A newer directory is refused, and not touched.
func TestANewerDataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	all := readGolden(t, datadir.Format)
	all["/world/application.json"] = fmt.Appendf(nil, `{"format": %d, "name": "world", "what": ["is", "new"]}`, datadir.Format+1)
	fs := vfs.NewMem()
	all.write(t, fs)
	err := newWorld(fs).start(t.Context())
	want := fmt.Sprintf("application.json has format %d, this program knows %d and older ones: it was written by a newer version", datadir.Format+1, datadir.Format)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, expected %q", err, want)
	}
	if !maps.EqualFunc(readFiles(t, fs, "/world"), all, bytes.Equal) {
		t.Error("the directory was changed")
	}
}
