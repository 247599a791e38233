package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// notesFormat is the version of the file that this program writes.
const notesFormat = 1

// notes are what the demo itself keeps, besides what the node keeps.
type notes struct {
	Format   int    `json:"format"`
	Seed     uint64 `json:"seed"`
	Accounts int    `json:"accounts"`
	// Settled: every transaction at a position before it is known to be accepted.
	Settled uint64 `json:"settled"`
	// Reserved: no transaction at it or after it was ever sent.
	Reserved uint64 `json:"reserved"`
}

func notesPath(dataDir string) string { return filepath.Join(dataDir, "demo.json") }

// readNotes returns false if there are none yet.
func readNotes(path string) (n notes, found bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return notes{}, false, nil
	}
	if err != nil {
		return notes{}, false, err
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return notes{}, false, fmt.Errorf("%s is damaged: %w", path, err)
	}
	switch {
	case n.Format > notesFormat:
		return notes{}, false, fmt.Errorf("%s has format %d, this program knows %d: it was written by a newer version", path, n.Format, notesFormat)
	case n.Format < 1 || n.Accounts < 1 || n.Settled > n.Reserved:
		return notes{}, false, fmt.Errorf("%s is damaged: expected format, accounts, and settled up to reserved, found %s", path, b)
	}
	return n, true, nil
}

// write replaces the file durably: a crash leaves the old or the new one.
func (n notes) write(path string) error {
	n.Format = notesFormat
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	temporary := path + ".tmp"
	if err := writeSynced(temporary, append(b, '\n')); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
