package actors

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/statefun-go/statefun/functions"
)

// The table against a map. Few hashes, so that grains push one another on.
func TestGrainTable(t *testing.T) {
	t.Parallel()
	for _, hashes := range []uint64{1, 7, 100, 1 << 40} {
		rng := rand.New(rand.NewPCG(hashes, 1))
		table, model := newGrainTable(maphash.MakeSeed()), map[functions.Address]*grain{}
		for step := range 20_000 {
			a := functions.TypeName("test/function").At(strconv.Itoa(rng.IntN(min(300, 50+step/10))))
			hash := hashOf(table.seed, a) % hashes
			if hashes == 7 {
				hash += ^uint64(0) - 3 // around the end of the slots
			}
			g := table.find(hash, a)
			if g != model[a] {
				t.Fatalf("%d hashes, step %d: found %v for %v, expected %v", hashes, step, g, a, model[a])
			}
			if g == nil {
				g = &grain{hash: hash}
				g.record.Address = a
				table.put(g)
				model[a] = g
			} else if rng.IntN(2) == 0 {
				table.remove(g)
				delete(model, a)
			}
			if table.n != len(model) {
				t.Fatalf("%d grains, expected %d", table.n, len(model))
			}
		}
	}
}
