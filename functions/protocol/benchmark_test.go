package protocol

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/reqreply"
)

// exampleRequest is a request with one state and one invocation of 64 bytes.
func exampleRequest(m *ToFunction) {
	m.Reset()
	r := &m.Invocation
	r.Target = functions.Address{Type: "example/greeter", ID: "account-1234567"}
	r.State = append(r.State, PersistedValue{"seen", ValueOf("io.statefun.types/long", fixed[:9])})
	r.Invocations = append(r.Invocations, Invocation{
		Caller:   functions.Address{Type: "example/user", ID: "user-7654321"},
		Argument: ValueOf("example/Payload", fixed[:]),
	})
}

// exampleResponse is the response to it: one mutation, and one message of 64 bytes.
func exampleResponse(m *FromFunction) {
	m.Reset()
	r := &m.InvocationResult
	r.Present = true
	r.StateMutations = append(r.StateMutations, PersistedValueMutation{Modify, "seen", ValueOf("io.statefun.types/long", fixed[:9])})
	r.OutgoingMessages = append(r.OutgoingMessages, OutgoingMessage{
		functions.Address{Type: "example/user", ID: "user-7654321"}, ValueOf("example/Payload", fixed[:]),
	})
}

var fixed = [64]byte(bytes.Repeat([]byte{9, 1, 0, 255, 'x', 0, 3, 3}, 8))

// What a runtime pays for a call is "encode request" and "decode response"; a
// server of functions pays the other two.
func BenchmarkCodec(b *testing.B) {
	var request ToFunction
	var response FromFunction
	exampleRequest(&request)
	exampleResponse(&response)
	requestBytes, responseBytes := request.Append(nil), response.Append(nil)
	var d Decoder
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	var buffer []byte
	run("encode request/ours", func() { exampleRequest(&request); buffer = request.Append(buffer[:0]) })
	run("decode response/ours", func() { noError(b, d.FromFunction(responseBytes, &response)) })
	run("decode request/ours", func() { noError(b, d.ToFunction(requestBytes, &request)) })
	run("encode response/ours", func() { exampleResponse(&response); buffer = response.Append(buffer[:0]) })

	// The generated code builds the messages that it encodes, too.
	run("encode request/generated", func() { buffer = marshal(b, buffer[:0], generatedRequest()) })
	run("decode response/generated", func() { noError(b, proto.Unmarshal(responseBytes, &reqreply.FromFunction{})) })
	run("decode request/generated", func() { noError(b, proto.Unmarshal(requestBytes, &reqreply.ToFunction{})) })
	run("encode response/generated", func() { buffer = marshal(b, buffer[:0], generatedResponse()) })
}

func marshal(b *testing.B, buffer []byte, m proto.Message) []byte {
	b.Helper()
	out, err := proto.MarshalOptions{}.MarshalAppend(buffer, m)
	noError(b, err)
	return out
}

func generatedValue(typename string, value []byte) *reqreply.TypedValue {
	return &reqreply.TypedValue{Typename: typename, HasValue: true, Value: value}
}

func generatedRequest() *reqreply.ToFunction {
	return &reqreply.ToFunction{Request: &reqreply.ToFunction_Invocation_{Invocation: &reqreply.ToFunction_InvocationBatchRequest{
		Target: &reqreply.Address{Namespace: "example", Type: "greeter", Id: "account-1234567"},
		State: []*reqreply.ToFunction_PersistedValue{
			{StateName: "seen", StateValue: generatedValue("io.statefun.types/long", fixed[:9])},
		},
		Invocations: []*reqreply.ToFunction_Invocation{{
			Caller:   &reqreply.Address{Namespace: "example", Type: "user", Id: "user-7654321"},
			Argument: generatedValue("example/Payload", fixed[:]),
		}},
	}}}
}

func generatedResponse() *reqreply.FromFunction {
	return &reqreply.FromFunction{Response: &reqreply.FromFunction_InvocationResult{InvocationResult: &reqreply.FromFunction_InvocationResponse{
		StateMutations: []*reqreply.FromFunction_PersistedValueMutation{{
			MutationType: reqreply.FromFunction_PersistedValueMutation_MODIFY, StateName: "seen",
			StateValue: generatedValue("io.statefun.types/long", fixed[:9]),
		}},
		OutgoingMessages: []*reqreply.FromFunction_Invocation{{
			Target:   &reqreply.Address{Namespace: "example", Type: "user", Id: "user-7654321"},
			Argument: generatedValue("example/Payload", fixed[:]),
		}},
	}}}
}

// Both sides of the benchmark do the same.
func TestBenchmarkedMessages(t *testing.T) {
	t.Parallel()
	var request ToFunction
	exampleRequest(&request)
	want, err := proto.Marshal(generatedRequest())
	noError(t, err)
	if got := request.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("request %x, want %x", got, want)
	}
	var response FromFunction
	exampleResponse(&response)
	want, err = proto.Marshal(generatedResponse())
	noError(t, err)
	if got := response.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("response %x, want %x", got, want)
	}
}
