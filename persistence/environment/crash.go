package environment

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// CrashFiles returns what a power cut may leave of a file system from
// vfs.NewCrashableMem, which is not to be used any more: what was synced, and of
// what was not, each change of a name and each sector with a chance of percent.
// The same rng gives the same files; vfs.MemFS.CrashClone, which goes through
// maps, does not, and tears at 4 KiB only.
func CrashFiles(fs *vfs.MemFS, percent int, rng *rand.Rand) *vfs.MemFS {
	synced := fs.CrashClone(vfs.CrashCloneCfg{})
	if percent == 0 {
		return synced
	}
	c := &crash{left: vfs.NewCrashableMem(), now: fs, percent: percent, rng: rng}
	c.check(syncNames(fs, "/"))
	c.named = fs.CrashClone(vfs.CrashCloneCfg{})
	c.synced = synced
	c.directory("/")
	return c.left
}

// crash makes the files that are left, out of three pictures of those that were.
type crash struct {
	left    *vfs.MemFS
	synced  *vfs.MemFS // names and data as synced
	named   *vfs.MemFS // all names, data as synced
	now     *vfs.MemFS // all names, all data
	percent int
	rng     *rand.Rand
}

func (c *crash) keeps() bool { return c.rng.IntN(100) < c.percent }

func (c *crash) check(err error) {
	if err != nil {
		panic(fmt.Errorf("environment: files after a crash: %w", err))
	}
}

// directory decides on the names in a directory.
func (c *crash) directory(dir string) {
	before, after := c.names(c.synced, dir), c.names(c.now, dir)
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := c.left.PathJoin(dir, name)
		var data []byte
		switch was, is := before[name], after[name]; {
		case was == nil && !c.keeps(), is == nil && c.keeps():
			continue
		case is == nil:
			data = c.data(c.synced, path)
		case was != nil && !was.IsDir() && c.replaced(path) && !c.keeps():
			data = c.data(c.synced, path)
		case is.IsDir():
			c.check(c.left.MkdirAll(path, is.Mode()))
			c.directory(path)
			continue
		default:
			data = c.tear(c.data(c.named, path), c.data(c.now, path))
		}
		c.write(path, data)
	}
	c.check(syncDirectory(c.left, dir))
}

// replaced reports whether a name may mean another file than when it was synced.
func (c *crash) replaced(path string) bool {
	return !bytes.Equal(c.data(c.synced, path), c.data(c.named, path))
}

// tear returns the synced data with some of the sectors as they are now.
func (c *crash) tear(synced, now []byte) []byte {
	out := slices.Clone(synced)
	for at := 0; at < len(now); at += sectorBytes {
		end := min(at+sectorBytes, len(now))
		if end <= len(synced) && bytes.Equal(synced[at:end], now[at:end]) || !c.keeps() {
			continue
		}
		if end > len(out) {
			out = append(out, make([]byte, end-len(out))...)
		}
		copy(out[at:], now[at:end])
	}
	return out
}

func (c *crash) names(fs *vfs.MemFS, dir string) map[string]vfs.FileInfo {
	out := map[string]vfs.FileInfo{}
	if _, err := fs.Stat(dir); err != nil {
		return out // a directory that was not there yet
	}
	list, err := fs.List(dir)
	c.check(err)
	for _, name := range list {
		info, err := fs.Stat(fs.PathJoin(dir, name))
		c.check(err)
		out[name] = info
	}
	return out
}

func (c *crash) data(fs *vfs.MemFS, path string) []byte {
	f, err := fs.Open(path)
	c.check(err)
	b, err := io.ReadAll(f)
	c.check(err)
	c.check(f.Close())
	return b
}

func (c *crash) write(path string, data []byte) {
	f, err := c.left.Create(path, vfs.WriteCategoryUnspecified)
	c.check(err)
	_, err = f.Write(data)
	c.check(err)
	c.check(f.Sync())
	c.check(f.Close())
}

// syncNames makes the names of all directories durable.
func syncNames(fs *vfs.MemFS, dir string) error {
	list, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range list {
		path := fs.PathJoin(dir, name)
		if info, err := fs.Stat(path); err != nil {
			return err
		} else if info.IsDir() {
			if err := syncNames(fs, path); err != nil {
				return err
			}
		}
	}
	return syncDirectory(fs, dir)
}

func syncDirectory(fs *vfs.MemFS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	return d.Close()
}
