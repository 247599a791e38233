package functions

import (
	"errors"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	accept := On(Long, func(Context, int64) error { return nil })
	op := Async("op", Long, Long)
	onResult := func(Context, Result[int64, int64]) error { return nil }
	for _, test := range []struct {
		fn    Function
		wrong string
	}{
		{Function{Type: "a/b", Handlers: []Handler{accept}}, ""},
		{Function{Type: "a/b", Handlers: []Handler{OnAny(func(Context, Message) error { return nil }), accept, OnResult(op, onResult)},
			States: []State{Value("v", Long), List("l", Long).ExpireAfterWrite(1), Map("m", Long)}}, ""},

		{Function{Handlers: []Handler{accept}}, `function "": Type: functions: invalid type name ""`},
		{Function{Type: "a/b"}, `function "a/b": Handlers: at least one`},
		{Function{Type: "a/b", Deadline: -time.Second, Handlers: []Handler{accept}}, "Deadline: -1s is negative"},
		{Function{Type: "a/b", MaxAttempts: -1, Handlers: []Handler{accept}}, "MaxAttempts: -1 is negative"},

		{withHandlers(accept, accept), `Handlers[1]: "io.statefun.types/long" is handled twice`},
		{withHandlers(OnResult(op, onResult), OnResult(op, onResult)), `Handlers[1]: results of "op" is handled twice`},
		{withHandlers(Handler{}), "Handlers[0]: functions: the zero Handler handles nothing"},
		{withHandlers(OnAny(nil)), "the handler of any message is nil"},
		{withHandlers(On(Long, nil)), "the handler of io.statefun.types/long is nil"},
		{withHandlers(On(Type[int]{}, func(Context, int) error { return nil })), "the zero Type"},
		{withHandlers(On(JSON[int]("x"), func(Context, int) error { return nil })), `invalid type name "x"`},
		{withHandlers(On(Bytes(AsyncResultType), func(Context, []byte) error { return nil })), "is reserved"},
		{withHandlers(OnResult[int64, int64](op, nil)), "nil handler"},
		{withHandlers(OnResult[int64, int64](nil, onResult)), "nil operation"},
		{withHandlers(OnResult(Async("", Long, Long), onResult)), "without a name"},
		{withHandlers(OnResult(Async("op", Long, Type[int64]{}), onResult)), "the zero Type"},

		{withStates(nil), "States[0]: functions: nil state"},
		{withStates(Value("", Long)), `States[0]: functions: invalid state name ""`},
		{withStates(Value("\xff", Long)), "invalid state name"},
		{withStates(Value("v", JSON[int]("x"))), `state "v": functions: invalid type name "x"`},
		{withStates(Value("v", NewType[int]("a/b", nil, nil))), `state "v": functions: type a/b needs`},
		{withStates(Value("v", Long).ExpireAfterWrite(0)), `state "v" expires after 0s: must be more than 0`},
		{withStates(Map("v", Long).ExpireAfterInvoke(-1)), `state "v" expires after -1ns`},
		{withStates(Value("v", Long), List("v", Long)), `States[1]: a state "v" is declared twice`},
	} {
		wantError(t, test.fn.Validate(), test.wrong)
	}
}

func withHandlers(h ...Handler) Function { return Function{Type: "a/b", Handlers: h} }

func withStates(s ...State) Function {
	return Function{Type: "a/b", States: s, Handlers: []Handler{OnAny(func(Context, Message) error { return nil })}}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	err := (&Function{Type: "b", Deadline: -1, States: []State{nil}}).Validate()
	for _, wrong := range []string{"Type:", "Deadline:", "States[0]:", "Handlers:"} {
		wantError(t, err, wrong)
	}
}

func TestStateSpecValidate(t *testing.T) {
	t.Parallel()
	good := StateSpec{Name: "v", Kind: KindMap, Type: "a/b"}
	for wrong, change := range map[string]func(*StateSpec){
		"":                            func(*StateSpec) {},
		"is of unknown kind 9":        func(s *StateSpec) { s.Kind = 9 },
		"unknown expire mode 3":       func(s *StateSpec) { s.Mode = 3 },
		`state "v": functions: inval`: func(s *StateSpec) { s.Type = "" },
	} {
		spec := good
		change(&spec)
		wantError(t, spec.Validate(), wrong)
	}
}

func TestInvokeDispatches(t *testing.T) {
	t.Parallel()
	op := Async("op", String, Long)
	got := ""
	fn := withHandlers(
		On(Long, func(Context, int64) error { got = "long"; return nil }),
		On(String, func(_ Context, s string) error { got = "string " + s; return nil }),
		OnResult(op, func(_ Context, r Result[string, int64]) error { got = "result " + r.Metadata; return r.Err }),
	)
	for _, test := range []struct {
		m           Message
		want, wrong string
	}{
		{Long.Of(1), "long", ""},
		{String.Of("x"), "string x", ""},
		{NewAsyncResult("op", String.Of("y"), Long.Of(1), nil).Message(), "result y", ""},
		{NewAsyncResult("op", String.Of("z"), Message{}, errors.New("no")).Message(), "result z", "no"},
		{Bool.Of(true), "", `functions: a/b got "io.statefun.types/bool", but handles "io.statefun.types/long", "io.statefun.types/string", results of "op"`},
		{NewAsyncResult("other", String.Of("z"), Long.Of(1), nil).Message(), "", `got a result of "other", but handles`},
	} {
		got = ""
		wantError(t, fn.Invoke(Context{}, test.m), test.wrong)
		if got != test.want {
			t.Errorf("%v: %q ran, want %q", test.m, got, test.want)
		}
	}
}

func TestInvokeAny(t *testing.T) {
	t.Parallel()
	var got TypeName
	fn := withHandlers(
		OnAny(func(_ Context, m Message) error { got = m.Type; return nil }),
		On(Long, func(Context, int64) error { got = "typed"; return nil }),
	)
	for _, test := range []struct {
		m    Message
		want TypeName
	}{
		{Long.Of(1), "typed"},
		{Bool.Of(true), Bool.Name()},
		{UnknownAsyncResult("op", Long.Of(1)).Message(), AsyncResultType},
	} {
		if err := fn.Invoke(Context{}, test.m); err != nil || got != test.want {
			t.Errorf("%v: got %q, %v", test.m, got, err)
		}
	}
}

func TestUndecodableIsPermanent(t *testing.T) {
	t.Parallel()
	op := Async("op", String, Long)
	fn := withHandlers(
		On(Long, func(Context, int64) error { return nil }),
		OnResult(op, func(Context, Result[string, int64]) error { return nil }),
	)
	for _, test := range []struct {
		m     Message
		wrong string
	}{
		{Message{Type: Long.Name(), Value: []byte{0xff}}, "functions: decode io.statefun.types/long"},
		{Message{Type: AsyncResultType, Value: []byte{0xff}}, "malformed"},
		{Bool.Of(true), "but handles"},
		{NewAsyncResult("op", Long.Of(1), Long.Of(1), nil).Message(), `metadata of a result of "op": functions: message is of type`},
		{NewAsyncResult("op", String.Of(""), String.Of(""), nil).Message(), `value of a result of "op": functions: message is of type`},
	} {
		err := fn.Invoke(Context{}, test.m)
		wantError(t, err, test.wrong)
		if !errors.Is(err, ErrPermanent) {
			t.Errorf("%v: %v is not permanent", test.m, err)
		}
	}
}

func TestJSONType(t *testing.T) {
	t.Parallel()
	one, two := JSON[int]("json/one"), JSON[int]("json/two")
	ignore := func(Context, int) error { return nil }
	long := On(Long, func(Context, int64) error { return nil })
	for _, test := range []struct {
		handlers []Handler
		want     TypeName
	}{
		{[]Handler{long}, ""},
		{[]Handler{long, On(one, ignore)}, "json/one"},
		{[]Handler{On(one, ignore), On(two, ignore)}, ""},
	} {
		fn := withHandlers(test.handlers...)
		if got, ok := fn.JSONType(); got != test.want || ok != (test.want != "") {
			t.Errorf("%v: got %q, %t", test.handlers, got, ok)
		}
	}
}
