package file

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The bytes are in journals: they may get a new version, but never change.
func TestPositionIsGolden(t *testing.T) {
	t.Parallel()
	var p position
	p.advance([]byte("{}\n"))
	p.advance([]byte("{\"a\":1}\n"))
	const golden = "01000000000000000b000000086930c1cfe0ecefe2"
	if got := hex.EncodeToString(p.encode()); got != golden {
		t.Errorf("got %s, want %s", got, golden)
	}
	b, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodePosition(b); err != nil || got != p {
		t.Errorf("got %+v, %v; want %+v", got, err, p)
	}
}

func TestPositionRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	var p position
	p.advance([]byte("{}\n"))
	good := string(p.encode())
	for name, c := range map[string]struct{ text, want string }{
		"empty":       {"", "unknown version"},
		"newer":       {"\x02" + good[1:], "unknown version"},
		"short":       {good[:positionBytes-1], "has 20 bytes, expected 21"},
		"long":        {good + "x", "has 22 bytes, expected 21"},
		"line before": {"\x01" + strings.Repeat("\x00", 8) + good[9:], "damaged"},
		"negative":    {"\x01\xff" + good[2:], "damaged"},
	} {
		if _, err := decodePosition([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func FuzzPosition(f *testing.F) {
	var p position
	p.advance([]byte("{}\n"))
	f.Add(p.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePosition(b)
		if err != nil {
			return
		}
		if again, err := decodePosition(p.encode()); err != nil || again != p {
			t.Fatalf("%x is %+v, again %+v, %v", b, p, again, err)
		}
	})
}
