package persistence

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"github.com/statefun-go/statefun/functions"
)

// What decodes is encoded again, and that decodes to the same: nothing that is
// read is lost. The bytes may differ, since a number can be written longer than
// it needs to be.

// seedGolden gives a fuzz target the golden bytes, whole, cut and with a
// length that is too large.
func seedGolden(f *testing.F, name string) {
	f.Helper()
	b := readGolden(f, name)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(bytes.Replace(b, []byte{3}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 2))
	f.Add([]byte{})
	f.Add([]byte{1})
}

func FuzzPayload(f *testing.F) {
	seedGolden(f, "batch")
	f.Fuzz(func(t *testing.T, b []byte) {
		var e encoder
		e.begin(0)
		highest, err := decodePayload(b, reencode(&e))
		if err != nil {
			return
		}
		encoded := bytes.Clone(e.b)
		e.begin(highest)
		if _, err := decodePayload(encoded, reencode(&e)); err != nil {
			t.Fatalf("%x became %x: %v", b, encoded, err)
		}
		// The records' values were copied byte by byte above.
		got, err := decodedPayload(e.b)
		want, werr := decodedPayload(b)
		if got != want || (err == nil) != (werr == nil) {
			t.Fatalf("%x became %x:\n%s %v\nexpected\n%s %v", b, e.b, got, err, want, werr)
		}
	})
}

// reencode writes what it is shown.
func reencode(e *encoder) visitor {
	return visitor{
		record: func(a functions.Address, value []byte) error {
			e.record(a.Type, []byte(a.ID), value)
			return nil
		},
		message: func(m *Message) error { e.message(m); return nil },
		row:     func(r Row) error { e.row(&r); return nil },
		clear:   func(r KeyRange) error { e.clear(r); return nil },
	}
}

func FuzzRecord(f *testing.F) {
	seedGolden(f, "record")
	f.Fuzz(func(t *testing.T, b []byte) {
		consumed, nudge, cells, err := decodeRecord(b)
		if err != nil {
			if isEmptyRecord(b) {
				t.Fatalf("%x is empty, but: %v", b, err)
			}
			return
		}
		encoded := appendRecord(nil, consumed, nudge, cells)
		consumed2, nudge2, cells2, err := decodeRecord(encoded)
		if err != nil || consumed2 != consumed || nudge2 != nudge || !reflect.DeepEqual(cells2, cells) || len(encoded) > len(b) {
			t.Fatalf("%x became %x: %d %d %+v, expected %d %d %+v, %v", b, encoded, consumed2, nudge2, cells2, consumed, nudge, cells, err)
		}
		if isEmptyRecord(b) != (nudge == 0 && len(cells) == 0) {
			t.Fatalf("%x is empty: %t", b, isEmptyRecord(b))
		}
	})
}

func FuzzChunk(f *testing.F) {
	seedGolden(f, "chunk")
	target := NewRecord(greeter.At("Ada"), 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		last, messages, err := decodeChunk(target, b)
		if err != nil {
			return
		}
		encoded := encodeChunk(messages)
		last2, messages2, err := decodeChunk(target, encoded)
		if err != nil || last2 != last || !reflect.DeepEqual(messages2, messages) || len(encoded) > len(b) {
			t.Fatalf("%x became %x, %v", b, encoded, err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	seedGolden(f, "message")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, rest, err := DecodeMessage(b, nil)
		if err != nil {
			return
		}
		encoded := append(AppendMessage(nil, m), rest...)
		m2, rest2, err := DecodeMessage(encoded, &TypeNames{})
		if err != nil || !reflect.DeepEqual(m2, m) || !bytes.Equal(rest2, rest) || len(encoded) > len(b) {
			t.Fatalf("%x became %x, %v", b, encoded, err)
		}
	})
}

func FuzzEgress(f *testing.F) {
	f.Add(exampleEgress().Key, readGolden(f, "egress"))
	f.Add([]byte("short"), readGolden(f, "egress"))
	f.Add(exampleEgress().Key, []byte{})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := DecodeEgress(emails, Row{Key: key, Value: value})
		if err != nil {
			return
		}
		row := egressRow(&r)
		r2, err := DecodeEgress(emails, row)
		if err != nil || !reflect.DeepEqual(r2, r) || len(row.Value) > len(value) {
			t.Fatalf("%x became %x, %v", value, row.Value, err)
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add(specKey(7), readGolden(f, "spec"))
	f.Add([]byte("k"), readGolden(f, "spec"))
	f.Add(specKey(7), []byte{})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		s, err := decodeSpec(Row{Key: key, Value: value})
		if err != nil {
			return
		}
		encoded := encodeSpec(s)
		s2, err := decodeSpec(Row{Key: key, Value: encoded})
		if err != nil || !reflect.DeepEqual(s2, s) || len(encoded) > len(value) {
			t.Fatalf("%x became %x, %v", value, encoded, err)
		}
	})
}

func FuzzMarker(f *testing.F) {
	seedGolden(f, "marker")
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeMarker(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatalf("%x became %x", b, m.encode())
		}
	})
}

func FuzzAddressKey(f *testing.F) {
	a := greeter.At("Ada")
	f.Add(recordKey(1, a))
	f.Add(chunkKey(1, a, 300))
	f.Add(TimerKey(1, 2, 3))
	f.Fuzz(func(t *testing.T, k []byte) {
		g, a, rest, err := cutAddressKey(k)
		if err == nil {
			if again := append(addressKey(g, k[2], a), rest...); !bytes.Equal(again, k) {
				t.Fatalf("%x became %x", k, again)
			}
		}
		if a, s, err := CutAddressSequence(k); err == nil && !bytes.Equal(AsyncKey(g, a, s)[3:], k[3:]) {
			t.Fatalf("%x is of %q and %d", k, a, s)
		}
		if g, due, s, err := CutTimerKey(k); err == nil && !bytes.Equal(TimerKey(g, due, s), k) {
			t.Fatalf("%x is of %d, %d and %d", k, g, due, s)
		}
	})
}

// A length beyond the input is refused before anything is allocated for it.
func TestLengthsAreChecked(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	padding := make([]byte, 1000)
	for name, test := range map[string]struct {
		b      []byte
		decode func(b []byte) error
	}{
		"cells": {
			append(append([]byte{recordVersion, 0, 0}, huge...), padding...),
			func(b []byte) error { _, _, _, err := decodeRecord(b); return err },
		},
		"messages": {
			append(append([]byte{chunkVersion, 0}, huge...), padding...),
			func(b []byte) error { _, _, err := decodeChunk(NewRecord(greeter.At("Ada"), 0), b); return err },
		},
		"row": {
			append(append([]byte{payloadVersion, 0, byte(entryPut)}, huge...), padding...),
			func(b []byte) error { _, err := decodedPayload(b); return err },
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := test.decode(test.b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 64<<10 {
			t.Errorf("%s: %d bytes were allocated, %v", name, n, err)
		}
	}
}

// FuzzForeignKey takes keys apart that somebody else may have written: those of an
// inspection.
func FuzzForeignKey(f *testing.F) {
	ada := greeter.At("Ada")
	for _, k := range [][]byte{
		recordKey(1, ada), LargeKey(1, ada, 2), append(EntryPrefix(1, ada, 2, 3), 4), AttemptKey(1, ada),
		chunkKey(1, ada, 2), windowKey(1, ada), TokenKey(1, "Ada", "t"), EgressKey("a/b", 1), MetaKey("marker"), {0},
	} {
		f.Add(k, []byte{1, 1, 1, 1, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		if row, err := CutAddressRow(k); err == nil && row.Kind == RowLarge && !bytes.Equal(LargeKey(row.Group, row.Address, row.Spec)[3:], k[3:]) {
			t.Errorf("%x became %+v", k, row)
		}
		if g, id, token, err := CutTokenKey(k); err == nil && !bytes.Equal(TokenKey(g, id, token), k) {
			t.Errorf("%x became %d %q %q", k, g, id, token)
		}
		if name, s, err := CutEgressKey(k); err == nil && !bytes.Equal(EgressKey(name, s)[2:], k[2:]) {
			t.Errorf("%x became %q %d", k, name, s)
		}
		in, err := DecodeInboxRow(Row{Key: k, Value: v})
		if err == nil && len(in.Messages) == 0 {
			t.Errorf("%x is an inbox row without messages", k)
		}
		IsKnownKey(k, 4)
	})
}
