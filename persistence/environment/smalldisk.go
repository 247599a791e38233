package environment

import (
	"fmt"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A SmallDisk is a file system for tests that knows how much room it has left:
// a write that needs more fails with ENOSPC, after as much as there is room for.
type SmallDisk struct {
	vfs.FS

	mu       sync.Mutex
	capacity int64
	others   int64
	files    map[string]*smallNode // by path
	used     int64                 // by all of them
}

// smallNode is what a path stands for; it is renamed with what is open of it.
type smallNode struct {
	size int64
	gone bool
}

// NewSmallDisk returns fs, with what is in it at root, on a disk of so many bytes.
func NewSmallDisk(fs vfs.FS, root string, capacity int64) (*SmallDisk, error) {
	d := &SmallDisk{FS: fs, capacity: capacity, files: map[string]*smallNode{}}
	return d, d.measure(root)
}

func (d *SmallDisk) measure(path string) error {
	info, err := d.Stat(path)
	if err != nil {
		return fmt.Errorf("environment: small disk: %w", err)
	}
	if !info.IsDir() {
		d.node(path).resize(d, info.Size())
		return nil
	}
	names, err := d.List(path)
	if err != nil {
		return fmt.Errorf("environment: small disk: %w", err)
	}
	for _, name := range names {
		if err := d.measure(d.PathJoin(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// SetOthers says how much of the disk the files of others take.
func (d *SmallDisk) SetOthers(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.others = bytes
}

// Free returns how much room is left.
func (d *SmallDisk) Free() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free()
}

func (d *SmallDisk) free() int64 { return max(0, d.capacity-d.others-d.used) }

// GetDiskUsage implements vfs.FS.
func (d *SmallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free := d.free()
	return vfs.DiskUsage{
		AvailBytes: uint64(free), TotalBytes: uint64(d.capacity), UsedBytes: uint64(d.capacity - free),
	}, nil
}

// node is called with mu held, or before anybody else knows d.
func (d *SmallDisk) node(path string) *smallNode {
	n := d.files[path]
	if n == nil {
		n = &smallNode{}
		d.files[path] = n
	}
	return n
}

func (n *smallNode) resize(d *SmallDisk, size int64) {
	if n.gone {
		return // it takes no room any more
	}
	d.used += size - n.size
	n.size = size
}

// forget is for a path that is removed or replaced.
func (d *SmallDisk) forget(path string) {
	n := d.node(path)
	n.resize(d, 0)
	n.gone = true
	delete(d.files, path)
}

// Create implements vfs.FS.
func (d *SmallDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(name)
	return &smallFile{File: f, disk: d, node: d.node(name)}, nil
}

// OpenReadWrite implements vfs.FS.
func (d *SmallDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, o...)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &smallFile{File: f, disk: d, node: d.node(name)}, nil
}

// Remove implements vfs.FS.
func (d *SmallDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.FS.Remove(name); err != nil {
		return err
	}
	d.forget(name)
	return nil
}

// Rename implements vfs.FS.
func (d *SmallDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.FS.Rename(from, to); err != nil {
		return err
	}
	if n := d.files[from]; n != nil {
		d.forget(to)
		d.files[to] = n
		delete(d.files, from)
	}
	return nil
}

// Unwrap implements vfs.FS.
func (d *SmallDisk) Unwrap() vfs.FS { return d.FS }

// smallFile is a file that is written.
type smallFile struct {
	vfs.File
	disk *SmallDisk
	node *smallNode
	at   int64 // where the next Write goes
}

// Write implements vfs.File.
func (f *smallFile) Write(p []byte) (int, error) {
	n, err := f.write(p, f.at, func(p []byte) (int, error) { return f.File.Write(p) })
	f.at += int64(n)
	return n, err
}

// WriteAt implements vfs.File.
func (f *smallFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, off, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *smallFile) write(p []byte, off int64, write func([]byte) (int, error)) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	room := max(size, size+d.free()) - off
	short := int64(len(p)) > room
	if short {
		p = p[:max(0, room)]
	}
	n, err := write(p)
	f.node.resize(d, max(size, off+int64(n)))
	if err == nil && short {
		err = fmt.Errorf("write %s: %w", info.Name(), syscall.ENOSPC)
	}
	return n, err
}
