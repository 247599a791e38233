package tables

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkGetAll looks up random ones of a million keys, some at a time, in
// tables whose blocks are all in the cache.
func BenchmarkGetAll(b *testing.B) {
	const keys = 1_000_000
	t, err := OpenPebble(Options{FS: vfs.NewMem(), Dir: "tables", CacheBytes: 512 << 20, Fatal: func(err error) { b.Error(err) }})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	key := func(i int) string {
		k := []byte("..a....example/function....")
		binary.BigEndian.PutUint16(k, uint16(i%128))
		return string(fmt.Append(k, i))
	}
	var batch Batch
	for i := range keys {
		batch.Set([]byte(key(i)), make([]byte, 24))
		if i%100_000 == 99_999 {
			if err := t.Apply(&batch); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	if err := t.Flush(); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, together := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			b.ReportAllocs()
			some := make([]string, together)
			for i := 0; i < b.N; i += together {
				for k := range some {
					some[k] = key(rng.IntN(keys))
				}
				slices.Sort(some)
				found := 0
				if err := t.GetAll(some, func(int, []byte) { found++ }); err != nil || found != together {
					b.Fatalf("found %d of %d: %v", found, together, err)
				}
			}
		})
	}
}
