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

func TestPart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, total int64
		full        int
		end         string
	}{{0, 0, 0, " log 0 %"}, {1, 2, 12, " log 50 %"}, {3, 2, 24, " log 100 %"}} {
		if got := partLine("log", 0, c.done, c.total); strings.Count(got, "█") != c.full || !strings.HasSuffix(got, c.end) {
			t.Errorf("%d of %d: got %s", c.done, c.total, got)
		}
	}
	var b bytes.Buffer
	show, erase := (&Progress{to: &b}).Part()
	for range 1000 {
		show("log", 1, 2) // seldom enough to be read
	}
	erase()
	if got := b.String(); strings.Count(got, "log") > 100 || !strings.Contains(got, "log") || !strings.HasSuffix(got, eraseLine) {
		t.Errorf("got %q", got)
	}
	show, erase = (&Progress{}).Part()
	show("log", 1, 2)
	erase()
}
