package functions

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
)

func TestAsyncResultBytes(t *testing.T) {
	t.Parallel()
	metadata, value := Message{Type: "m/m", Value: []byte{7}}, Message{Type: "v/v", Value: []byte{8, 9}}
	for _, test := range []struct {
		in   AsyncResult
		want string
	}{
		{NewAsyncResult("op", metadata, value, nil), "0101" + "026f70" + "036d2f6d" + "0107" + "03762f76" + "020809" + "00"},
		{NewAsyncResult("op", metadata, value, errors.New("no")), "0102" + "026f70" + "036d2f6d" + "0107" + "00" + "00" + "026e6f"},
		{NewAsyncResult("op", metadata, Message{err: errors.New("no")}, nil), "0102" + "026f70" + "036d2f6d" + "0107" + "00" + "00" + "026e6f"},
		{UnknownAsyncResult("op", metadata), "0103" + "026f70" + "036d2f6d" + "0107" + "00" + "00" + "00"},
	} {
		m := test.in.Message()
		if m.Type != AsyncResultType || hex.EncodeToString(m.Value) != test.want {
			t.Errorf("%+v became %v %x, want %s", test.in, m.Type, m.Value, test.want)
		}
		got, err := DecodeAsyncResult(m.Value)
		if err != nil || !bytes.Equal(got.Encode(), m.Value) || !reflect.DeepEqual(got.Metadata, test.in.Metadata) {
			t.Errorf("%x became %+v, %v; want %+v", m.Value, got, err, test.in)
		}
	}
}

func TestAsyncResultMalformed(t *testing.T) {
	t.Parallel()
	for in, wrong := range map[string]string{
		"":                   "malformed",
		"01":                 "malformed",
		"02010000000000 00":  "version 2, expected 1",
		"0100000000000000":   "unknown status 0",
		"0104000000000000":   "unknown status 4",
		"01010000000000":     "malformed", // one field short
		"0101026f":           "malformed", // a field cut off
		"010100000000000000": "malformed", // one byte too many
		"0101ffffffffffffffffff01" + "0000000000": "malformed",
	} {
		_, err := DecodeAsyncResult(unhex(t, in))
		wantError(t, err, wrong)
	}
}

func FuzzDecodeAsyncResult(f *testing.F) {
	f.Add(NewAsyncResult("op", Long.Of(1), String.Of("x"), nil).Encode())
	f.Add(NewAsyncResult("op", Long.Of(1), String.Of("x"), errors.New("no")).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeAsyncResult(b)
		if err != nil {
			return
		}
		again, err := DecodeAsyncResult(r.Encode())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%x: %+v became %+v, %v", b, r, again, err)
		}
	})
}
