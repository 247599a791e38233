package functions_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

var (
	aValue = functions.Value("value", functions.String)
	aList  = functions.List("list", functions.String)
	aMap   = functions.Map("map", functions.String)
)

// scratch is a function that does what its test says.
func scratch(do func(functions.Context) error) functions.Function {
	return functions.Function{
		Type:   "test/scratch",
		States: []functions.State{aValue, aList, aMap},
		Handlers: []functions.Handler{functions.OnAny(func(ctx functions.Context, _ functions.Message) error {
			return do(ctx)
		})},
	}
}

// run invokes a scratch function once and returns the Kit and the error.
func run(t *testing.T, do func(functions.Context)) *functionstest.Kit {
	t.Helper()
	k := functionstest.New(t, scratch(func(ctx functions.Context) error { do(ctx); return nil }))
	k.Invoke("x", functions.Long.Of(1))
	return k
}

func TestValueState(t *testing.T) {
	t.Parallel()
	k := run(t, func(ctx functions.Context) {
		if v, ok := aValue.Get(ctx); ok || v != "" || aValue.GetOr(ctx, "none") != "none" {
			t.Errorf("got %q, %t before the first Set", v, ok)
		}
		aValue.Set(ctx, "")
		if v, ok := aValue.Get(ctx); !ok || v != "" || aValue.GetOr(ctx, "none") != "" {
			t.Errorf("got %q, %t; the zero value is a value", v, ok)
		}
		if v := aValue.Update(ctx, func(s string) string { return s + "u" }); v != "u" {
			t.Errorf("got %q", v)
		}
	})
	if v, ok := aValue.Get(k.At("x")); !ok || v != "u" {
		t.Errorf("got %q, %t", v, ok)
	}
	aValue.Clear(k.At("x"))
	if got := k.States("x"); len(got) != 0 {
		t.Errorf("still there: %q", got)
	}
}

func TestListState(t *testing.T) {
	t.Parallel()
	k := run(t, func(ctx functions.Context) {
		aList.Append(ctx, "a", "b")
		aList.Append(ctx)
		aList.Append(ctx, "c", "d")
		for i, v := range aList.All(ctx) {
			if i == 2 && v == "c" {
				break
			}
		}
		aList.DropFirst(ctx, 1)
		if n := aList.Len(ctx); n != 3 {
			t.Errorf("%d entries", n)
		}
	})
	if got := maps.Collect(aList.All(k.At("x"))); !maps.Equal(got, map[int]string{0: "b", 1: "c", 2: "d"}) {
		t.Errorf("got %v", got)
	}
	aList.DropFirst(k.At("x"), 9)
	if n := aList.Len(k.At("x")); n != 0 {
		t.Errorf("%d entries", n)
	}
	aList.Append(k.At("x"), "e")
	aList.Clear(k.At("x"))
	if got := k.States("x"); len(got) != 0 {
		t.Errorf("still there: %q", got)
	}
}

func TestMapState(t *testing.T) {
	t.Parallel()
	k := run(t, func(ctx functions.Context) {
		for _, key := range []string{"b", "", "a", "c", "\xff"} {
			aMap.Set(ctx, key, "v")
		}
		for key := range aMap.All(ctx) {
			if key == "b" {
				aMap.Delete(ctx, key)
			}
		}
		aMap.Delete(ctx, "nobody")
		if v, ok := aMap.Get(ctx, "b"); ok || v != "" {
			t.Errorf("got %q, %t", v, ok)
		}
	})
	x := k.At("x")
	if v, ok := aMap.Get(x, "a"); !ok || v != "v" {
		t.Errorf("got %q, %t", v, ok)
	}
	var keys []string
	for key := range aMap.All(x) {
		keys = append(keys, key)
	}
	if !slices.Equal(keys, []string{"", "a", "c", "\xff"}) {
		t.Errorf("got %q", keys)
	}
	aMap.Clear(x)
	if got := k.States("x"); len(got) != 0 {
		t.Errorf("still there: %q", got)
	}
}

// What cannot be decoded, encoded or found fails the invocation by itself.
func TestStateFailures(t *testing.T) {
	t.Parallel()
	raw := functions.Bytes(functions.String.Name())
	rawValue, rawList, rawMap := functions.Value("value", raw), functions.List("list", raw), functions.Map("map", raw)
	undeclared := functions.Value("undeclared", functions.Long)
	for name, test := range map[string]struct {
		do    func(functions.Context)
		wrong string
	}{
		"undecodable value":  {func(c functions.Context) { aValue.Get(c) }, `state "value": functions: decode io.statefun.types/string`},
		"undecodable entry":  {func(c functions.Context) { aMap.Get(c, "k") }, `state "map": functions: decode`},
		"undecodable list":   {func(c functions.Context) { _ = maps.Collect(aList.All(c)) }, `state "list": functions: decode`},
		"undecodable map":    {func(c functions.Context) { _ = maps.Collect(aMap.All(c)) }, `state "map": functions: decode`},
		"unencodable value":  {func(c functions.Context) { aValue.Set(c, "\xff") }, `state "value": functions: encode`},
		"unencodable append": {func(c functions.Context) { aList.Append(c, "\xff") }, `state "list": functions: encode`},
		"unencodable entry":  {func(c functions.Context) { aMap.Set(c, "k", "\xff") }, `state "map": functions: encode`},
		"negative drop":      {func(c functions.Context) { aList.DropFirst(c, -1) }, `state "list": drop the first -1 entries`},
		"undeclared":         {func(c functions.Context) { undeclared.Get(c) }, `state "undeclared" is not declared by test/scratch`},
		"other kind":         {func(c functions.Context) { functions.List("value", functions.String).Len(c) }, `state "value" is a value of io.statefun.types/string, not a list of`},
		"other type":         {func(c functions.Context) { functions.Value("value", functions.Long).Get(c) }, "not a value of io.statefun.types/long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := functionstest.New(t, scratch(func(ctx functions.Context) error { test.do(ctx); return nil }))
			rawValue.Set(k.At("x"), []byte{0xff})
			rawList.Append(k.At("x"), []byte{0xff})
			rawMap.Set(k.At("x"), "k", []byte{0xff})
			if err := k.MustFail("x", functions.Long.Of(1)); !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("got %v, want one that says %q", err, test.wrong)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	k := run(t, func(ctx functions.Context) {
		for range 2 { // declared anew, as it is when the name is computed
			late := functions.Value("late", functions.Long).ExpireAfterWrite(time.Hour)
			if err := ctx.Register(late); err != nil {
				t.Error(err)
			}
			late.Update(ctx, func(n int64) int64 { return n + 1 })
		}
		if err := ctx.Register(functions.List("late", functions.Long)); err == nil {
			t.Error("another kind under the same name is registered")
		}
	})
	if n, _ := functions.Value("late", functions.Long).Get(k.At("x")); n != 2 {
		t.Errorf("got %d", n)
	}
	k.Advance(time.Hour)
	if got := k.States("x"); len(got) != 0 {
		t.Errorf("still there: %q", got)
	}
}

func TestSpecs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state functions.State
		want  functions.StateSpec
	}{
		{functions.Value("v", functions.Long), functions.StateSpec{Name: "v", Kind: functions.KindValue, Type: "io.statefun.types/long"}},
		{functions.Value("v", functions.Long).ExpireAfterWrite(1), functions.StateSpec{Name: "v", Kind: functions.KindValue, Type: "io.statefun.types/long", Mode: functions.ExpireAfterWrite, TTL: 1}},
		{functions.List("l", functions.Bool).ExpireAfterInvoke(2), functions.StateSpec{Name: "l", Kind: functions.KindList, Type: "io.statefun.types/bool", Mode: functions.ExpireAfterInvoke, TTL: 2}},
		{functions.Map("m", functions.Bool).ExpireAfterWrite(3), functions.StateSpec{Name: "m", Kind: functions.KindMap, Type: "io.statefun.types/bool", Mode: functions.ExpireAfterWrite, TTL: 3}},
	} {
		if *test.state.Spec() != test.want || test.state.Spec() != test.state.Spec() {
			t.Errorf("got %+v, want %+v", *test.state.Spec(), test.want)
		}
		if shown, err := test.state.AsJSON(nil); err != nil || len(shown) == 0 {
			t.Errorf("%s shows as %q, %v", test.want.Name, shown, err)
		}
	}
}
