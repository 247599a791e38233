package wal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	segmentSuffix   = ".log"
	temporarySuffix = ".tmp"
	witnessName     = "witness"
	dirMode         = 0o755
)

// A directory holds the files of one log.
type directory struct {
	fs   vfs.FS
	path string
}

// A segment is a file of the log that has its name.
type segment struct {
	first uint64 // batch
	size  int64  // bytes
	path  string
}

func (d directory) join(name string) string { return d.fs.PathJoin(d.path, name) }

func (d directory) witnessPath() string { return d.join(witnessName) }

func (d directory) witnessMissing(after uint64) error {
	return damage(d.witnessPath(), 0, "the file is missing, expected a log up to batch %d or more", after)
}

func (d directory) segmentPath(first uint64) string {
	return d.join(segmentName(first))
}

// make creates the directory durably; its parent must be durable.
func (d directory) make() error {
	if err := d.fs.MkdirAll(d.path, dirMode); err != nil {
		return err
	}
	return directory{fs: d.fs, path: d.fs.PathDir(d.path)}.sync()
}

// sync makes the names of the directory's files durable.
func (d directory) sync() error {
	f, err := d.fs.OpenDir(d.path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// temporary creates a file that publish can give its name. WriteAt works on it.
func (d directory) temporary(path string) (vfs.File, error) {
	if err := d.remove(path + temporarySuffix); err != nil {
		return nil, err
	}
	return d.fs.OpenReadWrite(path+temporarySuffix, vfs.WriteCategoryUnspecified)
}

// publish makes a file from temporary durable under its name, replacing an older
// one. After a crash either is there, whole.
func (d directory) publish(f vfs.File, path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := d.fs.Rename(path+temporarySuffix, path); err != nil {
		return err
	}
	return d.sync()
}

// remove removes a file that may be gone already.
func (d directory) remove(path string) error {
	if err := d.fs.Remove(path); err != nil && !oserror.IsNotExist(err) {
		return err
	}
	return nil
}

// A listing is what a directory holds.
type listing struct {
	segments []segment // by number
	witness  bool
}

func (l listing) empty() bool { return len(l.segments) == 0 && !l.witness }

// list finds the files of a log. A directory that is absent is empty.
func (d directory) list() (listing, error) {
	var l listing
	names, err := d.fs.List(d.path)
	if oserror.IsNotExist(err) {
		return l, nil
	} else if err != nil {
		return l, err
	}
	for _, name := range names {
		if name == witnessName {
			l.witness = true
		} else if first, ok := parseSegmentName(name); ok {
			s := segment{first: first, path: d.segmentPath(first)}
			l.segments = append(l.segments, s)
		}
	}
	slices.SortFunc(l.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return l, d.stat(l.segments)
}

func (d directory) stat(segments []segment) error {
	for i := range segments {
		info, err := d.fs.Stat(segments[i].path)
		if err != nil {
			return err
		}
		segments[i].size = info.Size()
	}
	return nil
}

// removeTemporaries removes what an interrupted publish has left.
func (d directory) removeTemporaries() error {
	names, err := d.fs.List(d.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, temporarySuffix) {
			continue
		}
		if err := d.remove(d.join(name)); err != nil {
			return err
		}
	}
	return nil
}

func segmentName(first uint64) string {
	return fmt.Sprintf("%012d%s", first, segmentSuffix)
}

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, _ := strings.CutSuffix(name, segmentSuffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0 && segmentName(first) == name
}
