package module

import (
	"slices"
	"strings"
)

// nearest returns what of names s was probably meant to be, "" if nothing is near.
func nearest(s string, names []string) string {
	if len(s) > 2*clipBytes {
		return ""
	}
	best, distance := "", 0
	for _, name := range names {
		d := editDistance(strings.ToLower(s), strings.ToLower(name))
		if d <= max(1, min(len(s), len(name))/3) && (best == "" || d < distance) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete, replace or swap with their
// neighbour to make one text of the other.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = slices.Min([]int{last[j] + 1, row[j-1] + 1, replaced})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
