package commands

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// Size is a flag for a number of bytes: 1000, 64KiB, 1.5GiB.
type Size[N int | int64] struct{ Value *N }

// String is "" for 0, which stands for a default.
func (s Size[N]) String() string {
	if s.Value == nil || *s.Value == 0 {
		return ""
	}
	return strings.NewReplacer(" ", "", ".0", "").Replace(console.Bytes(*s.Value))
}

// Type is what help texts call a value.
func (Size[N]) Type() string { return "size" }

// Set reads a number of bytes.
func (s Size[N]) Set(text string) error {
	number, unit := strings.TrimSpace(text), 0
	for i, suffix := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = strings.TrimSpace(n), i+1
		}
	}
	if unit == 0 {
		number = strings.TrimSpace(strings.TrimSuffix(number, "B"))
	}
	v, err := strconv.ParseFloat(number, 64)
	v *= math.Pow(1024, float64(unit))
	if err != nil || v < 0 || v >= math.MaxInt64 || v != math.Trunc(v) {
		return fmt.Errorf("expected bytes, such as 1000, 64KiB or 1.5GiB, found %q", text)
	}
	*s.Value = N(v)
	return nil
}
