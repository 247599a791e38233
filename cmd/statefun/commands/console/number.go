package console

import (
	"math"
	"strconv"
	"time"
)

// Count shows a number with separators: 1,234,567.
func Count[N int | int64 | uint64 | float64](n N) string {
	s := strconv.FormatInt(int64(math.Round(float64(n))), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes shows a size in binary units: 1.5 MiB.
func Bytes[N int | int64 | uint64](n N) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return strconv.FormatInt(int64(n), 10) + " B"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + []string{"", " KiB", " MiB", " GiB", " TiB"}[unit]
}

// Milliseconds shows a duration in milliseconds with three digits that count.
func Milliseconds(d time.Duration) string {
	ms := d.Seconds() * 1000
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
}
