package module

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a duration as Flink's configuration has them: digits, then
// optionally white space and a unit, in upper or lower case. Without a unit it is
// milliseconds. The units are
//
//	d day days                 h hour hours
//	m min minute minutes       s sec secs second seconds
//	ms milli millis millisecond milliseconds
//	µs micro micros microsecond microseconds
//	ns nano nanos nanosecond nanoseconds
//
// The longest duration is about 292 years. The error does not quote s.
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return 0, errors.New("it does not start with a number")
	}
	unit, ok := durationUnit(strings.ToLower(strings.TrimSpace(s[digits:])))
	if !ok {
		return 0, errors.New("the unit is none of d, h, min, s, ms, µs and ns, nor their long names")
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n > int64(math.MaxInt64/unit) {
		return 0, errors.New("the number is too large")
	}
	return time.Duration(n) * unit, nil
}

func durationUnit(label string) (time.Duration, bool) {
	switch label {
	case "d", "day", "days":
		return 24 * time.Hour, true
	case "h", "hour", "hours":
		return time.Hour, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "s", "sec", "secs", "second", "seconds":
		return time.Second, true
	case "", "ms", "milli", "millis", "millisecond", "milliseconds":
		return time.Millisecond, true
	case "µs", "μs", "micro", "micros", "microsecond", "microseconds": // micro sign, Greek letter
		return time.Microsecond, true
	case "ns", "nano", "nanos", "nanosecond", "nanoseconds":
		return time.Nanosecond, true
	}
	return 0, false
}
