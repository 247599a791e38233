package bench

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// profileText is a profile without its compression.
func profileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

// Profiles are of the process, so nothing runs beside this test.
func TestProfilesShowTheNodeUnderMeasurement(t *testing.T) {
	dir := t.TempDir()
	args := []string{"grains", "--addresses", "200,100", "--in-flight", "500", "--warmup", "1ms", "--duration", "1s"}
	files := map[string]string{
		"cpu":   "environment.(*runner).run",      // the node's tasks
		"block": "actors.(*Engine).appendDurably", // starters wait for the disk
		"mem":   "bench.(*chains).hop",
		"mutex": "contentions",
	}
	for name := range files {
		args = append(args, "--"+name+"profile", filepath.Join(dir, name))
	}
	if _, _, err := execute(t, startNode, args...); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		text := profileText(t, filepath.Join(dir, name))
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %s in the profile", name, want)
		}
		if name == "cpu" && strings.Contains(text, "BareActors") {
			t.Error("the profile is of bare actors, too")
		}
	}
}

func TestProfilesNeedTheirFiles(t *testing.T) {
	t.Parallel()
	_, _, err := execute(t, startNode, "grains", "--addresses", "5", "--in-flight", "20", "--warmup", "1ms", "--duration", "1ms", "--blockprofile", t.TempDir()+"/missing/block")
	if err == nil || !strings.Contains(err.Error(), "no file for a profile") || !strings.Contains(err.Error(), "missing/block") {
		t.Errorf("got %v", err)
	}
}
