package bench

import (
	"fmt"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// halves are what was measured of one thing before and after something that it is
// compared with, equally long: what else happens on the machine meanwhile falls on
// both sides, and shows where the two differ.
type halves [2]float64

func (h halves) mean() float64 { return (h[0] + h[1]) / 2 }

// noise is how much faster the faster half was than the slower one: 0.1 for 10 %.
func (h halves) noise() float64 { return quotient(max(h[0], h[1]), min(h[0], h[1])) - 1 }

// String shows both.
func (h halves) String() string { return console.Count(h[0]) + ", " + console.Count(h[1]) }

// noisy is how much halves may differ before somebody is told.
const noisy = 0.2

// warnings say that the machine was not at rest.
func (h halves) warnings(what string) []string {
	if n := h.noise(); n > noisy {
		return []string{fmt.Sprintf("%s before and after differ by %.0f %%: the machine is not at rest", what, n*100)}
	}
	return nil
}
