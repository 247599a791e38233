package bench

import (
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// sumsOf adds up the durable Int64 states of some ids of a function, each of its n
// states for itself.
func sumsOf(e *actors.Engine, t functions.TypeName, ids []string, n int) ([]int64, error) {
	sums := make([]int64, n)
	for _, id := range ids {
		values, err := e.State(functions.Address{Type: t, ID: id})
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			n, err := functions.Int64.Decode(v.Value)
			if err != nil {
				return nil, err
			}
			sums[i] += n
		}
	}
	return sums, nil
}

// sumOf is sumsOf for a function with one state.
func sumOf(e *actors.Engine, t functions.TypeName, ids []string) (int64, error) {
	sums, err := sumsOf(e, t, ids, 1)
	if err != nil {
		return 0, err
	}
	return sums[0], nil
}
