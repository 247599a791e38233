package wal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func BenchmarkAppendSync(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			log, err := Open(Options{FS: vfs.Default, Dir: b.TempDir() + "/log"}, 0, nil)
			if err != nil {
				b.Fatal(err)
			}
			payload := bytes.Repeat([]byte{1}, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := errors.Join(log.Append(log.Last()+1, payload), log.Sync()); err != nil {
					b.Fatal(err)
				}
				if log.Size() > 256<<20 {
					b.StopTimer()
					if err := log.Drop(log.Last()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
			if err := log.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	opts := Options{FS: vfs.Default, Dir: b.TempDir() + "/log"}
	log, err := Open(opts, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 64<<10)
	for log.Size() < 32<<20 {
		if err := log.Append(log.Last()+1, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(log.Size())
	if err := log.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		log, err := Open(opts, 0, func(uint64, []byte) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		if err := log.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
