package processtest

import (
	"os"
	"strconv"
	"testing"
)

// Scale multiplies the size of an end-to-end test by STATEFUN_E2E_SCALE, which is 1 if
// it is not set. It returns at least 1.
func Scale(t *testing.T, n int) int {
	t.Helper()
	text := os.Getenv("STATEFUN_E2E_SCALE")
	if text == "" {
		return n
	}
	scale, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("STATEFUN_E2E_SCALE: expected a number, found %q", text)
	}
	return max(1, int(float64(n)*scale))
}
