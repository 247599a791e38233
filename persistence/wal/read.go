package wal

import "fmt"

// An Extent is what a log holds.
type Extent struct {
	// First is the first batch in the files, Last the last one that is intact;
	// Last is First-1 if there is none.
	First, Last uint64
	// Promised is the last batch of which something says that it was durable.
	Promised uint64
	Segments int
	Bytes    int64
}

// Read reads a log as Open does, with the same errors, and changes nothing: it
// neither begins a segment nor removes a torn tail. A directory without any file
// has an empty extent if after is 0. The log must not be open.
func Read(opts Options, after uint64, apply func(batch uint64, payload []byte) error) (Extent, error) {
	if err := opts.validate(); err != nil {
		return Extent{}, err
	}
	e, err := read(opts, after, apply)
	if err != nil {
		return Extent{}, fmt.Errorf("wal: read %s: %w", opts.Dir, err)
	}
	return e, nil
}

func read(opts Options, after uint64, apply func(uint64, []byte) error) (Extent, error) {
	dir := opts.directory()
	files, err := dir.list()
	if err != nil || files.empty() && after == 0 {
		return Extent{}, err
	}
	if !files.witness {
		return Extent{}, dir.witnessMissing(after)
	}
	w, err := readWitness(dir)
	if err != nil {
		return Extent{}, err
	}
	l := &Log{opts: opts, dir: dir, id: w.id, witness: w, older: files.segments}
	if len(l.older) == 0 {
		return Extent{}, l.checkCreate(after)
	}
	r := &recovery{Log: l, apply: apply, after: after, promised: max(after, w.number)}
	if err := r.read(); err != nil {
		return Extent{}, err
	}
	return Extent{
		First: l.older[0].first, Last: r.end, Promised: r.promised, Segments: len(l.older), Bytes: r.total,
	}, nil
}
