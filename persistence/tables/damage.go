package tables

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/wal"
)

// ErrDamaged marks every DamageError.
var ErrDamaged = errors.New("tables: damaged")

// DamageError tells which file is damaged. What it held can be anywhere in the
// journal: the tables need a human.
type DamageError struct {
	File   string // path
	Reason error
}

// Error implements error.
func (e *DamageError) Error() string { return fmt.Sprintf("%v: %s: %v", ErrDamaged, e.File, e.Reason) }

// Unwrap makes errors.Is hold for ErrDamaged and the reason.
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.Reason} }

func damagef(file, format string, args ...any) error {
	return &DamageError{File: file, Reason: fmt.Errorf(format, args...)}
}

// named gives an error of Pebble's the name of the file, if it is about one.
func named(what string, err error) error {
	if err == nil {
		return nil
	}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		err = &DamageError{File: info.Path, Reason: err}
	}
	return fmt.Errorf("tables: %s: %w", what, err)
}

// layout is what can be told of a directory before Pebble opens it. Pebble takes
// a missing marker for a new database, and a broken MANIFEST for one that ends
// there; both would make it remove the files that it then knows nothing of.
type layout struct {
	fs       vfs.FS
	dir      string
	manifest string // path, "" if there is none
	files    bool   // there are tables
}

// inspect finds what contradicts itself. A directory that is absent is empty.
func inspect(fs vfs.FS, dir string) (layout, error) {
	l := layout{fs: fs, dir: dir}
	names, err := fs.List(dir)
	if oserror.IsNotExist(err) || err == nil && len(names) == 0 {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("tables: %w", err)
	}
	for _, name := range names {
		l.files = l.files || isTable(name)
	}
	found, err := pebble.Peek(dir, fs)
	if err != nil {
		return l, fmt.Errorf("tables: %s: %w", dir, err)
	}
	switch {
	case !found.Exists && l.files:
		return l, damagef(fs.PathJoin(dir, "marker.manifest.*"), "the file is missing that names the MANIFEST")
	case found.FormatMajorVersion == pebble.FormatDefault && l.files:
		return l, damagef(fs.PathJoin(dir, "marker.format-version.*"), "the file is missing that names the format")
	case !found.Exists:
		return l, nil
	}
	l.manifest = fs.PathJoin(dir, fs.PathBase(found.ManifestFilename))
	if found.OptionsFilename != "" {
		if err := l.checkOptions(fs.PathJoin(dir, fs.PathBase(found.OptionsFilename))); err != nil {
			return l, err
		}
	}
	return l, l.checkManifest()
}

// checkOptions reads what options the tables were written with, as Pebble will.
func (l *layout) checkOptions(path string) error {
	b, err := l.read(path)
	if err != nil {
		return err
	}
	opts := &pebble.Options{FS: l.fs}
	opts.EnsureDefaults()
	if err := opts.CheckCompatibility(l.dir, string(b)); err != nil {
		return &DamageError{File: path, Reason: err}
	}
	return nil
}

func (l *layout) read(path string) ([]byte, error) {
	f, err := l.fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("tables: %s: %w", path, err)
	}
	return b, nil
}

// checkManifest tells a MANIFEST that is damaged from one that a crash has torn:
// behind a torn one's end there is nothing.
func (l *layout) checkManifest() error {
	f, err := l.fs.Open(l.manifest)
	if errors.Is(err, os.ErrNotExist) {
		return damagef(l.manifest, "the file is missing")
	}
	if err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	records, end, more, err := wal.ScanRecords(f)
	switch {
	case err != nil:
		return fmt.Errorf("tables: %s: %w", l.manifest, err)
	case more:
		return damagef(l.manifest, "record %d at offset %d is not readable, later ones are", records+1, end)
	case records == 0 && l.files:
		return damagef(l.manifest, "no record is readable")
	}
	return nil
}

// openError explains why Pebble could not open the directory.
func (l *layout) openError(err error) error {
	if l.manifest == "" {
		return fmt.Errorf("tables: open %s: %w", l.dir, err)
	}
	if names := l.unlike(err); len(names) > 0 {
		return damagef(strings.Join(names, ", "), "%w (or %s, which lists the files, is damaged)", err, l.manifest)
	}
	if pebble.IsCorruptionError(err) || errors.Is(err, pebble.ErrDBNotPristine) {
		return &DamageError{File: l.manifest, Reason: err}
	}
	return fmt.Errorf("tables: open %s: %w", l.dir, err)
}

// pebbleNumber is how Pebble names a table that is missing or has another size
// than the MANIFEST says.
var pebbleNumber = regexp.MustCompile(`L[0-9]: ([0-9]{6,}):`)

// unlike returns the files that are not as the MANIFEST lists them.
func (l *layout) unlike(err error) (paths []string) {
	for _, m := range pebbleNumber.FindAllStringSubmatch(err.Error(), -1) {
		paths = append(paths, l.fs.PathJoin(l.dir, m[1]+".sst"))
	}
	return paths
}

func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}
