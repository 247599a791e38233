package persistence

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// The formats of released versions must stay readable: when a golden test fails,
// the format has changed and needs a new version.

const (
	greeter functions.TypeName = "example/greeter"
	counter functions.TypeName = "example/counter"
	text    functions.TypeName = "io.statefun.types/string"
	emails  functions.TypeName = "example/emails"
)

func exampleMessage() *Message {
	return &Message{
		Target: greeter.At("Ada"), Caller: counter.At("äöü"), Type: text, Value: []byte("hello"), Sequence: 300,
	}
}

func exampleCells() []Cell {
	return []Cell{
		{Spec: 1, Value: []byte{1, 2, 3}},
		{Spec: 300, Large: true},
		{Spec: 2, Expires: 1 << 40, Value: []byte{}},
		{Spec: 1<<32 - 1, Large: true, Expires: 5},
	}
}

func exampleRecord() []byte { return appendRecord(nil, 77, 12345, exampleCells()) }

func exampleChunk() []byte {
	anonymous := &Message{Target: greeter.At("Ada"), Type: text, Sequence: 301}
	return encodeChunk([]*Message{exampleMessage(), anonymous})
}

func exampleEgress() Row {
	return egressRow(&EgressRecord{Egress: emails, Key: "Ada", Type: text, Value: []byte("hello"), Sequence: 9})
}

func exampleSpec() *Spec {
	return &Spec{ID: 7, Function: greeter, StateSpec: functions.StateSpec{
		Name: "seen", Kind: functions.KindMap, Type: text, Mode: functions.ExpireAfterWrite, TTL: time.Minute,
	}}
}

func exampleMarker() marker { return marker{batch: 1 << 33, highest: 300, egress: 9} }

// examplePayload has an entry of every kind.
func examplePayload() []byte {
	var e encoder
	e.begin(301)
	e.record(greeter, []byte("Ada"), appendRecord(nil, 77, 12345, exampleCells()))
	e.record(greeter, []byte("Bob"), appendRecord(nil, 0, 0, nil))
	e.message(exampleMessage())
	e.message(&Message{Target: counter.At(""), Type: text, Sequence: 301})
	e.row(&Row{Key: []byte("key"), Value: []byte("value")})
	e.row(&Row{Key: []byte("empty")})
	e.row(&Row{Key: []byte("gone"), Delete: true})
	e.clear(KeyRange{Low: []byte("low"), High: []byte("lox")})
	return e.b
}

// golden are examples of everything that is kept on disk.
func golden() map[string][]byte {
	return map[string][]byte{
		"batch":   examplePayload(),
		"record":  exampleRecord(),
		"chunk":   exampleChunk(),
		"message": AppendMessage(nil, exampleMessage()),
		"egress":  exampleEgress().Value,
		"spec":    encodeSpec(exampleSpec()),
		"marker":  exampleMarker().encode(),
	}
}

func goldenPath(name string) string { return filepath.Join("testdata", name+".hex") }

// Not parallel: with -rewrite it comes before those who read the files.
func TestGoldenBytes(t *testing.T) {
	for name, b := range golden() {
		compareGolden(t, goldenPath(name), hex.Dump(b))
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nexpected as in %s\n%s", got, path, want)
	}
}

// readGolden returns the bytes of a golden file.
func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	lines, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for line := range strings.Lines(string(lines)) {
		if len(line) < 58 {
			continue // the length at the end
		}
		part, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}

// What the golden files hold is read as what was written.
func TestGoldenBytesAreRead(t *testing.T) {
	t.Parallel()
	read := map[string]func(b []byte) (got, want any, err error){
		"batch": func(b []byte) (got, want any, err error) {
			got, err = decodedPayload(b)
			return got, examplePayloadText, err
		},
		"record": func(b []byte) (got, want any, err error) {
			consumed, nudge, cells, err := decodeRecord(b)
			return []any{consumed, nudge, cells}, []any{Sequence(77), int64(12345), exampleCells()}, err
		},
		"chunk": func(b []byte) (got, want any, err error) {
			last, messages, err := decodeChunk(NewRecord(greeter.At("Ada"), 0), b)
			if len(messages) != 2 {
				return messages, nil, err
			}
			return fmt.Sprint(last, " ", messageText(messages[0]), " ", messageText(messages[1])),
				`301 300 example/greeter/Ada<example/counter/äöü io.statefun.types/string "hello"` +
					` 301 example/greeter/Ada io.statefun.types/string ""`, err
		},
		"message": func(b []byte) (got, want any, err error) {
			m, rest, err := DecodeMessage(b, nil)
			if err != nil || len(rest) > 0 {
				return rest, nil, err
			}
			m.Sequence = 300 // the caller's to keep
			return messageText(m), messageText(exampleMessage()), nil
		},
		"egress": func(b []byte) (got, want any, err error) {
			got, err = DecodeEgress(emails, Row{Key: exampleEgress().Key, Value: b})
			return got, EgressRecord{Egress: emails, Key: "Ada", Type: text, Value: []byte("hello"), Sequence: 9}, err
		},
		"spec": func(b []byte) (got, want any, err error) {
			got, err = decodeSpec(Row{Key: specKey(7), Value: b})
			return got, exampleSpec(), err
		},
		"marker": func(b []byte) (got, want any, err error) {
			got, err = decodeMarker(b)
			return got, exampleMarker(), err
		},
	}
	for name := range golden() {
		got, want, err := read[name](readGolden(t, name))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, expected %v, %v", name, got, want, err)
		}
	}
}

const examplePayloadText = `highest 301
record example/greeter/Ada 77 12345 [{1 false 0 [1 2 3]} {300 true 0 []} {2 false 1099511627776 []} {4294967295 true 5 []}]
record example/greeter/Bob 0 0 []
message 300 example/greeter/Ada<example/counter/äöü io.statefun.types/string "hello"
message 301 example/counter/ io.statefun.types/string ""
put "key"="value"
put "empty"=""
delete "gone"
clear "low" "lox"
`

// decodedPayload is a payload in words.
func decodedPayload(b []byte) (string, error) {
	var s strings.Builder
	highest, err := decodePayload(b, visitor{
		record: func(a functions.Address, value []byte) error {
			consumed, nudge, cells, err := decodeRecord(value)
			fmt.Fprintln(&s, "record", a, consumed, nudge, cells)
			return err
		},
		message: func(m *Message) error {
			fmt.Fprintln(&s, "message", messageText(m))
			return nil
		},
		row: func(r Row) error {
			if r.Delete {
				fmt.Fprintf(&s, "delete %q\n", r.Key)
			} else {
				fmt.Fprintf(&s, "put %q=%q\n", r.Key, r.Value)
			}
			return nil
		},
		clear: func(r KeyRange) error {
			fmt.Fprintf(&s, "clear %q %q\n", r.Low, r.High)
			return nil
		},
	})
	return fmt.Sprintln("highest", highest) + s.String(), err
}

func messageText(m *Message) string {
	from := ""
	if !m.Caller.IsZero() {
		from = "<" + m.Caller.String()
	}
	return fmt.Sprintf("%d %s%s %s %q", m.Sequence, m.Target, from, m.Type, m.Value)
}

// Type names are written once per payload, however many there are.
func TestPayloadNamesAreWrittenOnce(t *testing.T) {
	t.Parallel()
	var e encoder
	for round := range 3 {
		e.begin(0)
		for range 2 {
			for i := range 3 * scanNames {
				name := functions.TypeName(fmt.Sprintf("example/name%03d", i+round))
				e.message(&Message{Target: name.At("x"), Type: text, Sequence: Sequence(i)})
			}
		}
		if n := bytes.Count(e.b, []byte("example/name")); n != 3*scanNames {
			t.Errorf("%d names were written, expected %d", n, 3*scanNames)
		}
		got, err := decodedPayload(e.b)
		if n := strings.Count(got, "message"); err != nil || n != 6*scanNames {
			t.Errorf("%d messages were read, expected %d, %v", n, 6*scanNames, err)
		}
		last := fmt.Sprintf("example/name%03d/x", 3*scanNames-1+round)
		if n := strings.Count(got, last); n != 2 {
			t.Errorf("%d messages for %s, expected 2", n, last)
		}
	}
}

// What a newer version has written is refused, with both versions in the error.
func TestNewerVersionsAreRefused(t *testing.T) {
	t.Parallel()
	decode := map[string]func(b []byte) error{
		"batch":  func(b []byte) error { _, err := decodedPayload(b); return err },
		"record": func(b []byte) error { _, _, _, err := decodeRecord(b); return err },
		"chunk":  func(b []byte) error { _, _, err := decodeChunk(NewRecord(greeter.At("Ada"), 0), b); return err },
		"egress": func(b []byte) error {
			_, err := DecodeEgress(emails, Row{Key: exampleEgress().Key, Value: b})
			return err
		},
		"spec":   func(b []byte) error { _, err := decodeSpec(Row{Key: specKey(7), Value: b}); return err },
		"marker": func(b []byte) error { _, err := decodeMarker(b); return err },
	}
	for name, b := range golden() {
		f, ok := decode[name]
		if !ok {
			continue // has the version of what it is in
		}
		b[0]++
		if err := f(b); err == nil || !strings.Contains(err.Error(), "version 2, this program knows 1") {
			t.Errorf("%s of version 2: %v", name, err)
		}
		for n := range b {
			b[0] = 1
			if err := f(b[:n]); err == nil && name != "batch" {
				t.Errorf("%s that ends after %d of %d bytes was read", name, n, len(b))
			}
		}
		if err := f(append(slices.Clip(b), 0)); err == nil {
			t.Errorf("%s with a byte more was read", name)
		}
	}
}
