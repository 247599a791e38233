package console_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// recorded is a console that keeps what is written.
func recorded(in string) (c *console.Console, out, notes *bytes.Buffer) {
	out, notes = &bytes.Buffer{}, &bytes.Buffer{}
	return &console.Console{In: strings.NewReader(in), Out: out, Err: notes}, out, notes
}

func TestTable(t *testing.T) {
	t.Parallel()
	c, out, _ := recorded("")
	table := c.Table("name", "SIZE").Right(2)
	table.Row("a", "1,234")
	table.Row("long name\x1b[31m", "5")
	table.Print()
	want := "" +
		"name                SIZE\n" +
		"a                  1,234\n" +
		"long name\\x1b[31m      5\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestTableWithoutHeader(t *testing.T) {
	t.Parallel()
	c, out, _ := recorded("")
	table := c.Table()
	table.Row("name", "x")
	table.Row("n", "")
	table.Print()
	if want := "name  x\nn\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`plain "text" ü`: `plain "text" ü`,
		"a\nb\tc":        `a\nb\tc`,
		"\x1b[2J":        `\x1b[2J`,
		"\xff":           `\xff`,
		"\u202e\n\"":     `\u202e\n"`,
	} {
		if got := console.Clean(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if got, want := console.CleanLines("goroutine 1:\n\tmain.go\r\n"), "goroutine 1:\n    main.go\\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yesterday\n": false} {
		c, out, notes := recorded(in)
		if got := c.Confirm("really?"); got != want {
			t.Errorf("%q: got %t", in, got)
		}
		if out.Len() > 0 || !strings.HasPrefix(notes.String(), "really? [y/N] ") {
			t.Errorf("%q: printed %q and %q", in, out, notes)
		}
	}
}

func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	if c, _, _ := recorded("y\n"); c.CanAsk() {
		t.Error("a buffer is nobody")
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c, out, _ := recorded("")
	if err := c.JSON(map[string]string{"a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if err := c.PrintJSON([]byte("{ \"b\":\n[1, 2]}\n")); err != nil {
		t.Fatal(err)
	}
	if want := "{\"a\":\"<&>\"}\n{\"b\":[1,2]}\n"; out.String() != want {
		t.Errorf("got %s", out)
	}
	if err := c.PrintJSON([]byte("{")); err == nil {
		t.Error("half an object was printed")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{console.Count(0), "0"},
		{console.Count(999), "999"},
		{console.Count(-1000), "-1,000"},
		{console.Count(1234567.6), "1,234,568"},
		{console.Bytes(0), "0 B"},
		{console.Bytes(1023), "1023 B"},
		{console.Bytes(1536), "1.5 KiB"},
		{console.Bytes(int64(5) << 40), "5.0 TiB"},
		{console.Milliseconds(1234 * time.Microsecond), "1.23 ms"},
		{console.Milliseconds(12340 * time.Microsecond), "12.3 ms"},
		{console.Milliseconds(2 * time.Second), "2000 ms"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	c, out, notes := recorded("")
	c.Progress().Step("measuring", time.Second)()
	if out.Len()+notes.Len() > 0 {
		t.Errorf("printed %q and %q", out, notes)
	}
}
