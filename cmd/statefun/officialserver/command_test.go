package officialserver

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/functions/remote"
)

// ask sends a batch of messages to a handler, and returns what it did, but for where
// messages go.
func ask(t *testing.T, h http.Handler, seen int64, lefts ...uint16) protocol.FromFunction {
	t.Helper()
	r := protocol.ToFunction{Invocation: protocol.InvocationBatchRequest{Present: true, Target: hop.Type.At("5")}}
	state := protocol.PersistedValue{StateName: hop.State}
	if seen >= 0 {
		state.StateValue = protocol.ValueOf(functions.Long.Name(), functions.Long.Of(seen).Value)
	}
	r.Invocation.State = append(r.Invocation.State, state)
	for _, left := range lefts {
		b := make([]byte, hop.Bytes+3)
		hop.Chain{Left: left, Addresses: 100, Number: 8}.Put(b)
		r.Invocation.Invocations = append(r.Invocation.Invocations, protocol.Invocation{Argument: protocol.ValueOf(hop.Payload.Name(), b)})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, hop.Path, bytes.NewReader(r.Append(nil))))
	var d protocol.Decoder
	var out protocol.FromFunction
	if err := d.FromFunction(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	for i := range out.InvocationResult.OutgoingMessages {
		out.InvocationResult.OutgoingMessages[i].Target.ID = "some"
	}
	return out
}

// Both SDKs do the same with the same messages.
func TestSameAsOwn(t *testing.T) {
	t.Parallel()
	theirs, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := remote.NewHandler(remote.Options{}, hop.Function())
	if err != nil {
		t.Fatal(err)
	}
	for _, lefts := range [][]uint16{{0}, {1}, {2}, {4, 1, 0, 3}} {
		want, got := ask(t, ours, 10, lefts...), ask(t, theirs, 10, lefts...)
		if w, g := string(want.Append(nil)), string(got.Append(nil)); w != g {
			t.Errorf("%v: official %q, own %q", lefts, g, w)
		}
		m := got.InvocationResult.StateMutations
		if len(m) != 1 || binary.LittleEndian.Uint64(m[0].StateValue.Value[1:]) != uint64(10+len(lefts)) {
			t.Errorf("%v: state became %+v", lefts, m)
		}
	}
	first := ask(t, theirs, -1, 0)
	if m := first.InvocationResult.StateMutations; len(m) != 1 || binary.LittleEndian.Uint64(m[0].StateValue.Value[1:]) != 1 {
		t.Errorf("state began with %+v", m)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	out, said := io.Pipe()
	cmd := Command()
	in, stop := io.Pipe()
	cmd.SetIn(in)
	cmd.SetOut(said)
	cmd.SetArgs([]string{})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(t.Context()) }()
	line := make([]byte, 100)
	if n, err := out.Read(line); err != nil || !strings.HasPrefix(string(line[:n]), "http://127.0.0.1:") {
		t.Errorf("got %q, %v", line[:n], err)
	}
	_ = stop.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
