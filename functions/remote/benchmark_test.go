package remote

import (
	"bytes"
	"testing"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// What serving one invocation with one state costs, apart from HTTP.
func BenchmarkInvoke(b *testing.B) {
	seen := functions.Value("seen", functions.Long)
	payload := functions.Bytes("example/Payload")
	h := newHandler(b, quiet, functions.Function{
		Type: "test/fn", States: []functions.State{seen},
		Handlers: []functions.Handler{functions.On(payload, func(ctx functions.Context, p []byte) error {
			seen.Update(ctx, func(v int64) int64 { return v + 1 })
			ctx.Send(functions.TypeName("test/other").At("1"), payload.Of(p))
			return nil
		})},
	})
	var m protocol.ToFunction
	m.Invocation.Target = functions.TypeName("test/fn").At("account-1234567")
	m.Invocation.State = []protocol.PersistedValue{{StateName: "seen", StateValue: protocol.ValueOf(functions.Long.Name(), functions.Long.Of(7).Value)}}
	m.Invocation.Invocations = []protocol.Invocation{{Argument: protocol.ValueOf(payload.Name(), bytes.Repeat([]byte("x"), 64))}}
	request := m.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
