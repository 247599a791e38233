package wal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
)

// encode returns a file with the records, as Pebble writes it.
func encode(t testing.TB, records ...[]byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w := record.NewWriter(&file)
	for _, r := range records {
		if _, err := w.WriteRecord(r); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// The sizes put a record's end at every place around the end of a block.
func TestRecordsAroundTheEndOfABlock(t *testing.T) {
	t.Parallel()
	for size := blockBytes - 40; size < blockBytes+20; size++ {
		records := [][]byte{
			bytes.Repeat([]byte{1}, size), {}, {2}, bytes.Repeat([]byte{3}, 2*blockBytes), []byte("last"),
		}
		file := encode(t, records...)
		for _, tail := range [][]byte{nil, make([]byte, 3), make([]byte, 100), make([]byte, blockBytes)} {
			r := newRecordReader(bytes.NewReader(append(bytes.Clone(file), tail...)))
			for i, want := range records {
				got, err := r.read()
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("size %d: record %d differs: %v", size, i, err)
				}
			}
			if r.offset() != int64(len(file)) {
				t.Fatalf("size %d: ends at offset %d, expected %d", size, r.offset(), len(file))
			}
			if _, err := r.read(); !errors.Is(err, errNoRecord) {
				t.Fatalf("size %d: behind the end: %v", size, err)
			}
		}
	}
}

func TestRecordsAreNotStitched(t *testing.T) {
	t.Parallel()
	beginning := encode(t, bytes.Repeat([]byte("first"), blockBytes))[:blockBytes]
	file := slices.Concat(beginning, encode(t, []byte("full")))
	r := newRecordReader(bytes.NewReader(file))
	if got, err := r.read(); !errors.Is(err, errNoRecord) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if err := r.resync(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.read(); err != nil || string(got) != "full" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestResync(t *testing.T) {
	t.Parallel()
	records := [][]byte{
		[]byte("zero"), []byte("one"), []byte("two"), bytes.Repeat([]byte("three"), blockBytes), []byte("four"),
	}
	whole := encode(t, records...)
	for name, c := range map[string]struct {
		broken int // record that the byte is in
		at     int
	}{
		"header":       {0, 2},
		"length":       {0, 4},
		"payload":      {1, 11 + 8},
		"first block":  {3, 1000},
		"second block": {3, blockBytes + 1000},
		"last block":   {3, len(whole) - 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := bytes.Clone(whole)
			file[c.at] ^= 0x40
			r := newRecordReader(bytes.NewReader(file))
			for i, want := range records {
				got, err := r.read()
				if i == c.broken {
					if !errors.Is(err, errNoRecord) {
						t.Fatalf("record %d: %v", i, err)
					}
					if err := r.resync(); err != nil {
						t.Fatal(err)
					}
				} else if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("record %d differs: %v", i, err)
				}
			}
			if err := r.resync(); !errors.Is(err, io.EOF) {
				t.Errorf("resync at the end: %v", err)
			}
		})
	}
}

// Up to the first break, the reader reads what Pebble's does; behind it, it ends.
func FuzzRecordReader(f *testing.F) {
	f.Add(encode(f, []byte("one"), bytes.Repeat([]byte("two"), blockBytes), []byte("three")), uint64(0))
	f.Add(encode(f, make([]byte, blockBytes-10), []byte("tail")), uint64(5))
	f.Add([]byte{}, uint64(1))
	f.Fuzz(func(t *testing.T, file []byte, flip uint64) {
		if len(file) > 0 {
			rng := rand.New(rand.NewPCG(flip, 0))
			for range flip % 4 {
				file[rng.IntN(len(file))] ^= 1 << rng.IntN(8)
			}
		}
		r := newRecordReader(bytes.NewReader(file))
		pebble := record.NewReader(bytes.NewReader(file), 0)
		for intact := true; ; {
			got, err := r.read()
			if errors.Is(err, errNoRecord) {
				intact = false
				if err := r.resync(); errors.Is(err, io.EOF) {
					return
				}
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if len(got) > len(file) {
				t.Fatalf("a record of %d bytes in a file of %d", len(got), len(file))
			}
			if !intact {
				continue
			}
			if want := readPebble(t, pebble); !bytes.Equal(got, want) {
				t.Fatalf("read %q, Pebble reads %q", got, want)
			}
		}
	})
}

func readPebble(t *testing.T, r *record.Reader) []byte {
	t.Helper()
	rec, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(rec)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// FuzzOpen replaces a part of the newest segment by anything: nothing but what
// was appended is ever read.
func FuzzOpen(f *testing.F) {
	whole := written(f, 4, 6)
	content := whole.content(whole.newest())
	f.Add(uint(60), []byte("anything"))
	f.Add(uint(0), content)
	f.Add(uint(100), make([]byte, 100))
	f.Fuzz(func(t *testing.T, at uint, replacement []byte) {
		b := whole.copy(t)
		from := min(int(at%(1<<16)), len(content))
		broken := append(bytes.Clone(content[:from]), replacement...)
		if rest := len(broken); rest < len(content) {
			broken = append(broken, content[rest:]...)
		}
		b.replace(b.newest(), broken)
		last, err := b.read(0)
		if err != nil {
			return // also not damage, if there is a record of another version
		}
		if last < 4 || last > 6 {
			t.Fatalf("the log ends at batch %d", last)
		}
		b.close()
	})
}
