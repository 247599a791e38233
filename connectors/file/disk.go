package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// writes is what the disk metrics call what goes through here.
const writes = "egress"

// openFile opens the file, or makes it where nothing is missing yet, and returns
// its size.
func (e *Egress) openFile() (int64, error) {
	files, path := e.opts.Environment.FS, e.opts.Path
	info, err := files.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is not a regular file", path)
	case errors.Is(err, fs.ErrNotExist):
		return 0, e.createFile()
	case err != nil:
		return 0, err
	}
	f, err := files.OpenReadWrite(path, writes)
	if err != nil {
		return 0, err
	}
	e.file = f
	// A crash may have come between making the file and making that durable.
	return info.Size(), e.syncDirectory(files.PathDir(path))
}

func (e *Egress) createFile() error {
	files, path := e.opts.Environment.FS, e.opts.Path
	if e.end.offset > 0 {
		return fmt.Errorf("%s does not exist, but %d bytes were written to it and acknowledged: was it moved away?", path, e.end.offset)
	}
	if err := e.makeDirectory(files.PathDir(path)); err != nil {
		return err
	}
	f, err := files.OpenReadWrite(path, writes)
	if err != nil {
		return err
	}
	e.file = f
	if err := restrict(f); err != nil {
		return err
	}
	return e.syncDirectory(files.PathDir(path))
}

// restrict keeps others from reading, where the file system has permissions.
func restrict(f handle) error {
	if f, ok := f.(interface{ Chmod(fs.FileMode) error }); ok {
		return f.Chmod(0o600)
	}
	return nil
}

// makeDirectory makes a directory and those above it, durably.
func (e *Egress) makeDirectory(dir string) error {
	files := e.opts.Environment.FS
	if _, err := files.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := files.PathDir(dir)
	if parent == dir {
		return fmt.Errorf("the directory %s does not exist", dir)
	}
	if err := e.makeDirectory(parent); err != nil {
		return err
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return e.syncDirectory(parent)
}

func (e *Egress) syncDirectory(dir string) error {
	d, err := e.opts.Environment.FS.OpenDir(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // nothing is written through it
	return d.Sync()
}

// cut removes what is behind the end.
func (e *Egress) cut(size int64) error {
	if size == e.end.offset {
		return nil
	}
	return e.shorten(e.end.offset)
}

// shorten leaves the first size bytes of the file, durably: in place if the file
// can do that, else (in memory, in tests) by way of a copy that replaces it.
func (e *Egress) shorten(size int64) error {
	f, ok := e.file.(interface{ Truncate(size int64) error })
	if !ok {
		return e.replace(size)
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	return e.file.Sync()
}

// replace is shorten for files that cannot be cut. Until the rename the file is
// as it was.
func (e *Egress) replace(size int64) error {
	files, path := e.opts.Environment.FS, e.opts.Path
	shorter, err := files.Create(path+".cut", writes)
	if err != nil {
		return err
	}
	if err := copyInto(shorter, io.NewSectionReader(e.file, 0, size)); err != nil {
		return errors.Join(err, shorter.Close())
	}
	if err := files.Rename(path+".cut", path); err != nil {
		return errors.Join(err, shorter.Close())
	}
	err = e.file.Close()
	e.file = shorter
	return errors.Join(err, e.syncDirectory(files.PathDir(path)))
}

func copyInto(f handle, r io.Reader) error {
	if err := restrict(f); err != nil {
		return err
	}
	if _, err := io.Copy(io.NewOffsetWriter(f, 0), r); err != nil {
		return err
	}
	return f.Sync()
}
