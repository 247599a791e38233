package protocol

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/statefun-go/statefun/functions"
)

// sub is a field that holds bytes, or a sub-message of fields.
func sub(number protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), slices.Concat(content...))
}

func str(number protowire.Number, s string) []byte { return sub(number, []byte(s)) }

func num(number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
}

func TestDecodeErrorsSayWhere(t *testing.T) {
	t.Parallel()
	group := protowire.AppendTag(protowire.AppendTag(nil, 9, protowire.StartGroupType), 9, protowire.EndGroupType)
	for name, c := range map[string]struct {
		bytes []byte
		err   error // nil: of protowire
		text  string
	}{
		"cut off":             {sub(100, str(2, "x"))[:4], nil, "FromFunction: field 100: unexpected EOF"},
		"cut off inside":      {sub(100, sub(2, str(1, ""))[:2]), nil, "FromFunction.invocation_result: field 2: unexpected EOF"},
		"a length too large":  {slices.Concat([]byte{0xa2, 6}, protowire.AppendVarint(nil, math.MaxUint64)), nil, "FromFunction: field 100: "},
		"an overlong varint":  {sub(100, sub(3, bytes.Repeat([]byte{0xff}, 11))), nil, "FromFunction.invocation_result.delayed_invocations[0]: "},
		"field number 0":      {sub(100, []byte{2, 0}), nil, "FromFunction.invocation_result: "},
		"wire type 7":         {sub(100, []byte{1<<3 | 7}), nil, "FromFunction.invocation_result: field 1: unknown wire type 7"},
		"a group":             {sub(100, sub(4, group)), ErrGroup, "FromFunction.invocation_result.outgoing_egresses[0]: field 9: groups are not part of the protocol"},
		"another wire type":   {sub(100, sub(2), sub(2, sub(1, num(3, 1)))), ErrWireType, "FromFunction.invocation_result.outgoing_messages[1].target.id: unexpected wire type 0, expected 2"},
		"a message as number": {num(101, 1), ErrWireType, "FromFunction.incomplete_invocation_context: unexpected wire type 0, expected 2"},
		"a number as text":    {sub(100, sub(3, str(1, "5"))), ErrWireType, "FromFunction.invocation_result.delayed_invocations[0].delay_in_ms: unexpected wire type 2, expected 0"},
		"not UTF-8":           {sub(100, sub(1, str(2, "\xff"))), ErrText, "FromFunction.invocation_result.state_mutations[0].state_name: not valid UTF-8"},
		"a type, not UTF-8":   {sub(101, sub(1, str(3, "\xff"))), ErrText, "FromFunction.incomplete_invocation_context.missing_values[0].type_typename: not valid UTF-8"},
		"a slash":             {sub(100, sub(2, sub(1, str(1, "a/b")))), ErrSlash, "FromFunction.invocation_result.outgoing_messages[0].target.namespace: has a slash"},
		"a slash, egress":     {sub(100, sub(4, str(2, "a/b"))), ErrSlash, "FromFunction.invocation_result.outgoing_egresses[0].egress_type: has a slash"},
	} {
		var d Decoder
		m := FromFunction{InvocationResult: InvocationResponse{Present: true}}
		err := d.FromFunction(c.bytes, &m)
		if err == nil || !strings.Contains(err.Error(), "protocol: "+c.text) || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %s", name, err, c.text)
		}
		if m.Size() != 0 {
			t.Errorf("%s: left %+v", name, m)
		}
	}
}

// What proto3 says of fields that occur more than once.
func TestRepeatedFields(t *testing.T) {
	t.Parallel()
	message := func(id string) []byte { return sub(2, sub(1, str(3, id))) }
	missing := sub(101, sub(1, str(1, "s")))
	for name, c := range map[string]struct {
		bytes []byte
		want  FromFunction
	}{
		"the same member twice is merged": {
			slices.Concat(sub(100, message("1")), sub(100, message("2"))),
			FromFunction{InvocationResult: InvocationResponse{OutgoingMessages: []OutgoingMessage{
				{Target: functions.Address{Type: "/", ID: "1"}}, {Target: functions.Address{Type: "/", ID: "2"}},
			}}},
		},
		"the last member counts": {
			slices.Concat(sub(100, message("1")), missing),
			FromFunction{IncompleteInvocationContext: IncompleteInvocationContext{MissingValues: []PersistedValueSpec{{StateName: "s"}}}},
		},
		"a member that comes back begins anew": {
			slices.Concat(sub(100, message("1")), missing, sub(100, message("2"))),
			FromFunction{InvocationResult: InvocationResponse{OutgoingMessages: []OutgoingMessage{{Target: functions.Address{Type: "/", ID: "2"}}}}},
		},
		"a sub-message is merged, a scalar replaced": {
			sub(100, sub(2, sub(1, str(1, "ns"), str(3, "1")), sub(1, str(2, "fn"), str(3, "2")))),
			FromFunction{InvocationResult: InvocationResponse{OutgoingMessages: []OutgoingMessage{{Target: functions.Address{Type: "ns/fn", ID: "2"}}}}},
		},
		"unknown fields are skipped": {
			slices.Concat(num(7, 1), str(8, "x"), protowire.AppendFixed64(protowire.AppendTag(nil, 200, protowire.Fixed64Type), 1), sub(100, num(77, 7), str(99, "x"))),
			FromFunction{InvocationResult: InvocationResponse{Present: true}},
		},
		"unknown enum values are kept": {
			sub(100, sub(1, num(1, 42))),
			FromFunction{InvocationResult: InvocationResponse{StateMutations: []PersistedValueMutation{{MutationType: 42}}}},
		},
	} {
		var d Decoder
		var got FromFunction
		if err := d.FromFunction(c.bytes, &got); err != nil || !bytes.Equal(got.Append(nil), c.want.Append(nil)) {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
}

// Elements of two bytes must not take memory without bound.
func TestTooManyElements(t *testing.T) {
	t.Parallel()
	many := func(n int) []byte { return sub(100, bytes.Repeat(sub(1), n), bytes.Repeat(sub(4), n)) }
	var m FromFunction
	if err := new(Decoder).FromFunction(many(DefaultMaxElements/2), &m); err != nil {
		t.Error(err)
	}
	err := new(Decoder).FromFunction(many(DefaultMaxElements/2+1), &m)
	if want := "FromFunction.invocation_result.outgoing_egresses[65535]: too many elements: at most 131072 are allowed in one message"; err == nil || !errors.Is(err, ErrTooMany) || err.Error() != "protocol: "+want {
		t.Errorf("%v, want %s", err, want)
	}
	d := Decoder{MaxElements: 2}
	for range 2 { // each message counts by itself
		if err := d.FromFunction(many(1), &m); err != nil {
			t.Error(err)
		}
	}
	if err := d.ToFunction(sub(100, sub(2), sub(3), sub(3)), new(ToFunction)); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
}

// Bytes share the memory of the input and cannot be appended to it; nothing else does.
func TestAliasing(t *testing.T) {
	t.Parallel()
	var d Decoder
	var request ToFunction
	exampleRequest(&request)
	input := request.Append(nil)
	var got ToFunction
	noError(t, d.ToFunction(input, &got))
	argument := got.Invocation.Invocations[0].Argument.Value
	if &argument[0] != &input[len(input)-len(argument)] || cap(argument) != len(argument) {
		t.Error("an argument was copied, or can be appended to")
	}
	clear(input)
	if got.Invocation.Target != request.Invocation.Target || got.Invocation.State[0].StateName != "seen" {
		t.Errorf("changed with its input: %+v", got)
	}
}

// A message that waits for its next use keeps nothing of the last one, and no large
// slices.
func TestReset(t *testing.T) {
	t.Parallel()
	var m FromFunction
	exampleResponse(&m)
	m.Reset()
	if s := m.InvocationResult.OutgoingMessages; cap(s) == 0 || s[:1][0].Argument.Value != nil {
		t.Errorf("%d slots, the first holds %+v", cap(s), s[:1])
	}
	m.InvocationResult.OutgoingMessages = make([]OutgoingMessage, keptElements+1)
	if m.Reset(); cap(m.InvocationResult.OutgoingMessages) > 0 {
		t.Error("a large slice was kept")
	}
}

// A decoder's names are right even when many share its slots.
func TestManyNames(t *testing.T) {
	t.Parallel()
	var d Decoder
	for i := range 20_000 {
		name := functions.TypeName(strings.Repeat("n", i%400) + "/" + strings.Repeat("f", i%7) + string(rune('a'+i%26)))
		m := FromFunction{InvocationResult: InvocationResponse{OutgoingMessages: []OutgoingMessage{
			{Target: functions.Address{Type: name, ID: "1"}, Argument: ValueOf(name, nil)},
		}}}
		var got FromFunction
		noError(t, d.FromFunction(m.Append(nil), &got))
		if !reflect.DeepEqual(got.InvocationResult.OutgoingMessages[0].Target, m.InvocationResult.OutgoingMessages[0].Target) ||
			got.InvocationResult.OutgoingMessages[0].Argument.Typename != name {
			t.Fatalf("%q came back as %+v", name, got)
		}
	}
}

// A runtime's hot path allocates only the ids.
func TestAllocations(t *testing.T) {
	var d Decoder
	var request ToFunction
	var response, got FromFunction
	var buffer []byte
	exampleResponse(&response)
	b := response.Append(nil)
	if n := testing.AllocsPerRun(100, func() { exampleRequest(&request); buffer = request.Append(buffer[:0]) }); n > 0 {
		t.Errorf("encoding a request: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { noError(t, d.FromFunction(b, &got)) }); n > 1 {
		t.Errorf("decoding a response: %v allocations", n)
	}
}

func TestNamesOfEnums(t *testing.T) {
	t.Parallel()
	got := []string{Delete.String(), Modify.String(), MutationType(7).String(), ExpireNone.String(), ExpireAfterWrite.String(), ExpireAfterInvoke.String(), ExpireMode(-1).String()}
	want := []string{"DELETE", "MODIFY", "mutation type 7", "NONE", "AFTER_WRITE", "AFTER_INVOKE", "expire mode -1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Records of egresses refuse text that nobody could read.
func TestEgressRecords(t *testing.T) {
	t.Parallel()
	for _, m := range []functions.Message{
		KafkaRecord.Of(KafkaProducerRecord{Key: "\xff"}), KafkaRecord.Of(KafkaProducerRecord{Topic: "\xff"}),
		KinesisRecord.Of(KinesisEgressRecord{Stream: "\xff"}),
	} {
		if !errors.Is(m.Err(), ErrText) {
			t.Errorf("%v", m)
		}
	}
	_, err := DecodeKafkaProducerRecord(num(2, 1))
	if want := "protocol: KafkaProducerRecord.value_bytes: unexpected wire type 0, expected 2"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = DecodeKinesisEgressRecord(str(4, "\xff"))
	if want := "protocol: KinesisEgressRecord.explicit_hash_key: not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
