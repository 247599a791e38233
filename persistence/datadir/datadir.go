// Package datadir owns a node's data directory: who may use it, and what it
// says about itself.
//
//	DATA/LOCK              held while a node runs; the kernel's, so a killed process leaves none
//	DATA/application.json  name, format and number of key groups; written once, and by migrations
//	DATA/node.json         where the running node listens, for commands that talk to it
//	DATA/journal/          the journal (package persistence)
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Format is the version of the directory's layout that this program writes. A
// newer one is refused, an older one migrated. Since 2 application.json has a
// checksum.
const Format = 2

// Node is what a running node says of itself.
type Node struct {
	PID  int    `json:"pid"`
	HTTP string `json:"http"` // base URL
}

// ErrInUse marks a directory that another process has locked.
var ErrInUse = errors.New("the data directory is in use by another node")

// ErrDamaged marks a directory whose own files are not as they were written.
var ErrDamaged = errors.New("damaged")

// Dir is a locked data directory.
type Dir struct {
	Application
	// Created says that the directory was new.
	Created bool

	fs       vfs.FS
	path     string
	lock     io.Closer
	readOnly bool
}

// Open locks a directory and reads what it says, or makes it what want says if
// it is new. An empty name in want stands for whatever it is, or "statefun". A
// directory of an older format is migrated; progress, which may be nil, is told.
func Open(fs vfs.FS, path string, want Application, progress func(Migration)) (*Dir, error) {
	d, err := open(fs, path, want)
	if err == nil && d.Format < Format {
		if err = d.migrate(migrations(), progress); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Inspect locks a directory of the present format, for somebody who looks and
// changes nothing.
func Inspect(fs vfs.FS, path string) (*Dir, error) {
	if _, err := fs.Stat(fs.PathJoin(path, applicationFile)); err != nil {
		return nil, notADataDirectory(fs, path, err)
	}
	d, err := open(fs, path, Application{})
	if err != nil {
		return nil, err
	}
	d.readOnly = true
	if d.Format < Format {
		return nil, errors.Join(fmt.Errorf("data directory %s has format %d, this program looks into format %d: the next start of its node migrates it",
			path, d.Format, Format), d.Close())
	}
	return d, nil
}

func notADataDirectory(fs vfs.FS, path string, err error) error {
	if names, listing := fs.List(fs.PathJoin(path, "journal")); listing == nil && len(names) > 0 {
		return fmt.Errorf("data directory %s is %w: it holds a journal, but %w", path, ErrDamaged, err)
	}
	return fmt.Errorf("%s is not a data directory: %w", path, err)
}

func open(fs vfs.FS, path string, want Application) (*Dir, error) {
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s cannot be made: %w", path, err)
	}
	lock, err := fs.Lock(fs.PathJoin(path, "LOCK"))
	if err != nil {
		return nil, lockError(path, err)
	}
	d := &Dir{fs: fs, path: path, lock: lock}
	if err := d.read(want); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

func lockError(path string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, errReadOnly) {
		return fmt.Errorf("data directory %s cannot be written to: %w", path, err)
	}
	return fmt.Errorf("data directory %s: %w (%w)", path, ErrInUse, err)
}

func (d *Dir) read(want Application) error {
	path := d.applicationPath()
	b, err := readFile(d.fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return d.create(want)
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if d.Application, err = decodeApplication(b); err != nil {
		return fmt.Errorf("%s is %w: %w", path, ErrDamaged, err)
	}
	switch a := d.Application; {
	case a.Format > Format:
		return fmt.Errorf("%s has format %d, this program knows %d and older ones: it was written by a newer version",
			path, a.Format, Format)
	case want.Name != "" && want.Name != a.Name:
		return fmt.Errorf("data directory %s belongs to the application %q, not to %q", d.path, a.Name, want.Name)
	case want.KeyGroups != 0 && want.KeyGroups != a.KeyGroups:
		return fmt.Errorf("data directory %s has %d key groups, not %d: their number is fixed when an application is created",
			d.path, a.KeyGroups, want.KeyGroups)
	}
	return nil
}

func (d *Dir) create(want Application) error {
	names, err := d.fs.List(d.JournalPath())
	if err == nil && len(names) > 0 {
		return fmt.Errorf("data directory %s is %w: it holds a journal but no application.json", d.path, ErrDamaged)
	}
	if want.Name == "" {
		want.Name = "statefun"
	}
	if want.KeyGroups == 0 {
		want.KeyGroups = 128
	}
	want.Format = Format
	d.Application, d.Created = want, true
	return d.writeApplication()
}

// JournalPath is where the journal is.
func (d *Dir) JournalPath() string { return d.fs.PathJoin(d.path, "journal") }

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// Announce writes where the node listens.
func (d *Dir) Announce(n Node) error { return d.writeJSON(d.nodePath(), n) }

func (d *Dir) nodePath() string { return d.fs.PathJoin(d.path, "node.json") }

// Close unlocks the directory.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	var err error
	if !d.readOnly {
		err = d.fs.Remove(d.nodePath())
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, d.lock.Close())
	d.lock = nil
	return err
}

// ReadNode returns what the node that runs on a data directory says of itself.
func ReadNode(fs vfs.FS, path string) (Node, error) {
	var n Node
	file := fs.PathJoin(path, "node.json")
	b, err := readFile(fs, file)
	if errors.Is(err, os.ErrNotExist) {
		return n, fmt.Errorf("no node runs on the data directory %s: it has no node.json", path)
	}
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return n, fmt.Errorf("%s is damaged: %w", file, err)
	}
	return n, nil
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// writeJSON replaces a file, so that a crash leaves the old or the new one.
func (d *Dir) writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := d.writeFile(tmp, append(b, '\n')); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := d.fs.Rename(tmp, path); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	dir, err := d.fs.OpenDir(d.path)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (d *Dir) writeFile(path string, b []byte) error {
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
