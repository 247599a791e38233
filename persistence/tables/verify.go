package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// File is a file of the tables whose content can be verified.
type File struct {
	Path  string
	Bytes int64
}

// Files implements Tables. What an error or a crash has left beside those that count
// is not among them: it is removed in the background.
func (t *pebbleTables) Files() ([]File, error) {
	levels, err := t.db.SSTables()
	if err != nil {
		return nil, fmt.Errorf("tables: list: %w", err)
	}
	live := map[uint64]bool{}
	for _, level := range levels {
		for i := range level {
			live[uint64(level[i].BackingSSTNum)] = true
		}
	}
	provider := t.db.ObjProvider()
	var files []File
	for _, meta := range provider.List() {
		if !live[uint64(meta.DiskFileNum)] {
			continue
		}
		path := provider.Path(meta)
		if !strings.HasSuffix(path, ".sst") {
			continue // the tables separate no values into blob files
		}
		if n, err := provider.Size(meta); err == nil {
			files = append(files, File{path, n})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// Verify implements Tables.
func (t *pebbleTables) Verify(f File) error {
	err := t.verify(f.Path)
	if oserror.IsNotExist(err) {
		return nil // a compaction has replaced it
	}
	return err
}

func (t *pebbleTables) verify(path string) (err error) {
	file, err := t.fs.Open(path)
	if err != nil {
		return fmt.Errorf("tables: verify: %w", err)
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(fmt.Errorf("tables: verify %s: %w", path, err), file.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, t.reading)
	if err != nil {
		return errors.Join(&DamageError{File: path, Reason: err}, readable.Close())
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.ValidateBlockChecksums(); err != nil {
		return &DamageError{File: path, Reason: err}
	}
	return nil
}

// CheckLevels checks that what is newer hides what is older. It reads all of the tables.
func (t *pebbleTables) CheckLevels() error { return named("check levels", t.db.CheckLevels(nil)) }
