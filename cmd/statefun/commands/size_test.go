package commands_test

import (
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"0": 0, "1000": 1000, "12B": 12, "64KiB": 64 << 10, "1.5 MiB": 3 << 19, "2GiB": 2 << 30, " 1TiB": 1 << 40} {
		var v int64
		if err := (commands.Size[int64]{Value: &v}).Set(in); err != nil || v != want {
			t.Errorf("%q: got %d, %v", in, v, err)
		}
	}
	for _, in := range []string{"", "-1", "many", "1.5", "0.3KiB", "1MB", "9999999TiB", "NaN", "Inf", "1e400", "KiB"} {
		v := int64(7)
		if err := (commands.Size[int64]{Value: &v}).Set(in); err == nil || v != 7 {
			t.Errorf("%q: got %d, %v", in, v, err)
		}
	}
	v := 64 << 20
	s := commands.Size[int]{Value: &v}
	if s.String() != "64MiB" || (commands.Size[int]{}).String() != "" || s.Type() != "size" {
		t.Errorf("got %q", s)
	}
}
