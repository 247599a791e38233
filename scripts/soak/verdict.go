package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// rule says how far a figure's median in the last quarter of the run may be above
// that in the second quarter (or below it, for what should not fall): by a share,
// and by what is noise.
type rule struct {
	column string
	falls  bool
	share  float64
	noise  float64
}

var rules = []rule{
	{"rss_bytes", false, 0.10, 24 << 20},
	{"heap_bytes", false, 0.25, 24 << 20},
	{"goroutines", false, 0.05, 10},
	{"open_files", false, 0.10, 8},
	{"disk_bytes", false, 0.15, 16 << 20}, // the log grows and is cut
	{"live_grains", false, 0.15, 100},
	{"waiting", false, 0.10, 500},
	{"quarantined", false, 0.10, 100},
	{"handled_per_second", true, 0.25, 20},
	{"requests_per_second", true, 0.25, 20}, // the machine may be shared,
}

var errNotFlat = errors.New("not flat")

// verdict prints what each figure did and returns an error if one was not flat.
func verdict(to io.Writer, series []sample) error {
	if len(series) < 8 {
		return fmt.Errorf("%w: only %d samples", errNotFlat, len(series))
	}
	var bad []error
	quarter := len(series) / 4
	for _, r := range rules {
		before := median(series[quarter:2*quarter], r.column)
		after := median(series[len(series)-quarter:], r.column)
		word := "flat"
		if !r.flat(before, after) {
			word = "NOT FLAT"
			bad = append(bad, fmt.Errorf("%w: %s from %.0f to %.0f", errNotFlat, r.column, before, after))
		}
		fmt.Fprintf(to, "%-20s %14.0f %14.0f  %s\n", r.column, before, after, word)
	}
	return errors.Join(bad...)
}

func (r rule) flat(before, after float64) bool {
	if r.falls {
		return after >= before*(1-r.share)-r.noise && after > 0
	}
	return after <= before*(1+r.share)+r.noise
}

func median(series []sample, column string) float64 {
	values := make([]float64, len(series))
	for i, s := range series {
		values[i] = s[column]
	}
	slices.Sort(values)
	return values[len(values)/2]
}
