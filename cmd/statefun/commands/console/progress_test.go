package console

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		since, expected time.Duration
		full            int
		end             string
	}{
		{0, 10 * time.Second, 0, " measuring 0s"},
		{5 * time.Second, 10 * time.Second, 12, " measuring 5s"},
		{20 * time.Second, 10 * time.Second, 24, " measuring 20s"},
		{0, 0, 24, " measuring 0s"},
	} {
		got := progressLine("measuring", 11, c.since, c.expected)
		if strings.Count(got, "█") != c.full || !strings.HasSuffix(got, c.end) || !strings.HasPrefix(got, "⠙ ") {
			t.Errorf("%v of %v: got %s", c.since, c.expected, got)
		}
	}
}

func TestProgressCleansUp(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	(&Progress{to: &b}).Step("measuring", time.Second)()
	if got := b.String(); !strings.HasPrefix(got, eraseLine) || !strings.HasSuffix(got, eraseLine) || !strings.Contains(got, "measuring") {
		t.Errorf("got %q", got)
	}
}
