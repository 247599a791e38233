package clip

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes    int
		in, want string
	}{
		{5, "short", "short"}, {4, "short", "shor…"}, {0, "", ""}, {0, "x", "…"},
		{3, "éé", "é…"}, {2, "éé", "é…"}, {1, "é", "…"}, {2, "\x80\x80\x80", "…"},
	} {
		if got := To(c.bytes, c.in); got != c.want {
			t.Errorf("%d bytes of %q: %q, want %q", c.bytes, c.in, got, c.want)
		}
	}
	if got := To(80, strings.Repeat("€", 1000)); !utf8.ValidString(got) || len(got) > 80+len("…") {
		t.Errorf("got %q", got)
	}
}
