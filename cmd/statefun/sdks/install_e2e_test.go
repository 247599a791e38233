//go:build e2e

package sdks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cache is where things are installed: ignored by git, kept between runs.
const cache = "../../../.bin/sdks"

// incomplete is in the name of a directory that is being filled.
const incomplete = "-incomplete-"

// installed returns the directory with what the SDK's server needs, which is put there
// the first time. The test is skipped if a tool is missing, but fails in CI.
func (s *sdk) installed(t *testing.T) string {
	t.Helper()
	for _, tool := range s.tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		text := fmt.Sprintf("the SDK for %s needs the command %s, which is not on the PATH", s.name, tool)
		if os.Getenv("CI") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	s.once.Do(func() { s.dir, s.err = s.setUp() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.dir
}

// setUp installs beside the place, and moves there what is complete.
func (s *sdk) setUp() (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	place, err := filepath.Abs(filepath.Join(cache, s.name+"-"+key))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(place); err == nil {
		return place, nil
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(place), s.name+incomplete)
	if err != nil {
		return "", err
	}
	err = s.fill(dir)
	if err == nil {
		err = os.Rename(dir, place)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if _, there := os.Stat(place); there != nil { // not even by another process
		return "", err
	}
	return place, s.tidy(place)
}

// tidy removes what former versions of the pinned files had installed.
func (s *sdk) tidy(place string) error {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(place), s.name+"-*"))
	for _, dir := range others {
		if dir != place && !strings.Contains(dir, incomplete) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// fill installs into a directory.
func (s *sdk) fill(dir string) error {
	for _, command := range s.install(dir) {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("installing the SDK for %s: %w\n%s", s.name, err, out)
		}
	}
	return nil
}

// key is a hash of the pinned files and of the commands that install.
func (s *sdk) key() (string, error) {
	files, err := s.files()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, s.install(""))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", f, len(b), b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func (s *sdk) files() ([]string, error) {
	var out []string
	for _, pattern := range s.pinned {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("the SDK for %s: no file %s (%w)", s.name, pattern, err)
		}
		out = append(out, files...)
	}
	return out, nil
}
