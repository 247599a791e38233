package main

import (
	"io"
	"strings"
	"testing"
)

// run makes a series in which one figure grows by a factor from its beginning to
// its end.
func run(column string, factor float64) []sample {
	var out []sample
	for i := range 100 {
		s := sample{}
		for _, r := range rules {
			s[r.column] = 1e9 + float64(i%7)*1e6
		}
		s[column] *= 1 + (factor-1)*float64(i)/99
		out = append(out, s)
	}
	return out
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	if err := verdict(io.Discard, run("rss_bytes", 1)); err != nil {
		t.Errorf("a flat run: %v", err)
	}
	for _, r := range rules {
		factor := 2.0
		if r.falls {
			factor = 0.5
		}
		if err := verdict(io.Discard, run(r.column, factor)); err == nil || !strings.Contains(err.Error(), r.column) {
			t.Errorf("%s by a factor of %v: got %v", r.column, factor, err)
		}
		if err := verdict(io.Discard, run(r.column, 1/factor)); err != nil {
			t.Errorf("%s the other way: got %v", r.column, err)
		}
	}
	if verdict(io.Discard, nil) == nil {
		t.Error("no samples are no proof")
	}
}
