package module_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
)

// COMPAT 60
func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"1min": time.Minute, "1minute": time.Minute, "1minutes": time.Minute, "2m": 2 * time.Minute, "15min": 15 * time.Minute, "1 min": time.Minute,
		"10 sec": 10 * time.Second, "10second": 10 * time.Second, "10seconds": 10 * time.Second, "3secs": 3 * time.Second, "4s": 4 * time.Second,
		"100": 100 * time.Millisecond, "0": 0, "007": 7 * time.Millisecond, " 5\t ms ": 5 * time.Millisecond,
		"1milli": time.Millisecond, "2millis": 2 * time.Millisecond, "1millisecond": time.Millisecond, "2 MilliSeconds": 2 * time.Millisecond,
		"1µs": time.Microsecond, "1μs": time.Microsecond, "2micro": 2 * time.Microsecond, "2micros": 2 * time.Microsecond, "1microsecond": time.Microsecond, "2microseconds": 2 * time.Microsecond,
		"1ns": 1, "1nano": 1, "2nanos": 2, "1nanosecond": 1, "2nanoseconds": 2,
		"1h": time.Hour, "1hour": time.Hour, "2 HOURS": 2 * time.Hour, "1d": day, "1day": day, "2days": 2 * day,
		"9223372036854775807ns": math.MaxInt64,
	} {
		if got, err := module.ParseDuration(text); got != want || err != nil {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "number", "s": "number", "-1s": "number", "+1s": "number", ".5s": "number", "1.5s": "unit", "1x": "unit", "1 s s": "unit", "1mins": "unit", "1m30s": "unit", "1w": "unit",
		"9223372036854775808ns": "too large", "106752d": "too large", "99999999999999999999": "too large",
	} {
		if got, err := module.ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}
