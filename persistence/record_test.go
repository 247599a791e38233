package persistence

import (
	"reflect"
	"testing"
)

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	cells := []Cell{{Spec: 1, Value: []byte{1, 2, 3}}, {Spec: 300, Large: true}, {Spec: 2, Expires: 1 << 40, Value: []byte{}}}
	b := appendRecord(nil, 77, 12345, cells)
	consumed, nudge, got, err := decodeRecord(b)
	if err != nil || consumed != 77 || nudge != 12345 || !reflect.DeepEqual(got, cells) {
		t.Fatalf("got %d %d %+v %v", consumed, nudge, got, err)
	}
}
