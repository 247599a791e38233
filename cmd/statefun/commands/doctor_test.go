package commands_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/actors/inspection"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/environment"
)

// goldenDirectory unpacks the data directory of the root's tests.
func goldenDirectory(t *testing.T) string {
	t.Helper()
	z, err := zip.OpenReader("../../../testdata/format-2.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	for _, f := range z.File {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "world")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	data := goldenDirectory(t)
	s := &shell{}
	s.expect(t, exit.OK, "doctor --data "+data, "application", "world, format 2, 8 key groups", "waiting messages", "3,620", "all is well")
	r := s.expect(t, exit.OK, "doctor --json --data "+data)
	var report inspection.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || !report.Complete || report.Counts.Waiting != 3620 {
		t.Errorf("got %+v, %v", report, err)
	}
	witness := filepath.Join(data, "journal", "log", "witness")
	if err := os.Remove(witness); err != nil {
		t.Fatal(err)
	}
	r = s.expect(t, exit.Failed, "doctor --data "+data, data+" is not as it should be")
	for _, want := range []string{"CHECK", "log ", witness, "the file is missing", "could not be checked", "from a backup"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	r = s.expect(t, exit.Failed, "doctor --json --data "+data)
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Problems) != 1 || report.Problems[0].Check != inspection.CheckLog {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestDoctorRefuses(t *testing.T) {
	t.Parallel()
	data := goldenDirectory(t)
	s := &shell{}
	s.expect(t, exit.Usage, "doctor --data "+filepath.Join(data, "none"), "is not a data directory")
	d, err := datadir.Open(environment.Real().FS, data, datadir.Application{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, exit.Usage, "doctor --data "+data, "in use by another node", "stop the node first")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
