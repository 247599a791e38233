package http

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

func TestStateList(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.call("/test/counter/a%2Fb", functions.Int64.Of(7)).expect(t, 200)
	for i := range 3 {
		n.call("/test/counter/a/b", greetings.Of(greeting{Name: fmt.Sprint("n", i)})).expect(t, 200)
	}
	var got StateList
	n.do("GET", "/test/counter/a/b/state", "").expect(t, 200).decode(t, &got)
	want := StateList{functions.Address{Type: "test/counter", ID: "a/b"}, []StateInfo{
		{Name: "count", Type: "io.statefun.types/long", Kind: "value", Size: 9},
		{Name: "history", Type: "io.statefun.types/string", Kind: "list", Size: 3},
		{Name: "last greeting", Type: "test/greeting", Kind: "value", Size: len(`{"name":"n2","times":0}`)},
		{Name: "scores", Type: "io.statefun.types/double", Kind: "map", Size: 3},
	}}
	if got.Address != want.Address || !sameStates(got.States, want.States) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var none StateList
	n.do("GET", "/test/counter/nobody/state", "").expect(t, 200, `"states": []`).decode(t, &none)
	n.do("GET", "/no/such/x/state", "").expect(t, 404, "unknown function no/such")
	n.do("GET", "/no/such/x/state/y", "").expect(t, 404, "unknown function no/such")
	n.do("GET", "/test/counter/x/state?all", "").expect(t, 400, `parameters "all", expected none`)
}

func sameStates(got, want []StateInfo) bool {
	byName := map[string]StateInfo{}
	for _, s := range got {
		byName[s.Name] = s
	}
	for _, s := range want {
		if byName[s.Name] != s {
			return false
		}
	}
	return len(got) == len(want)
}

func TestStateValues(t *testing.T) {
	t.Parallel()
	n := start(t)
	for _, m := range []functions.Message{functions.Int64.Of(7), raw.Of([]byte("\x00\xff")), greetings.Of(greeting{"Ann", 1})} {
		n.call("/test/counter/x", m).expect(t, 200)
	}
	for _, c := range []struct{ name, mime, bytes, json string }{
		{"count", "application/vnd.io.statefun.types/long", string(functions.Int64.Of(7).Value), "7"},
		{"c%6Funt", "application/vnd.io.statefun.types/long", string(functions.Int64.Of(7).Value), "7"},
		{"blob", "application/vnd.test/raw", "\x00\xff", `"AP8="`},
		{"last%20greeting", "application/vnd.test/greeting", `{"name":"Ann","times":1}`, `{"name":"Ann","times":1}`},
	} {
		path := "/test/counter/x/state/" + c.name
		a := n.do("GET", path, "").expect(t, 200)
		a.expectHeader(t, "Content-Type", c.mime)
		a.expectHeader(t, "X-Content-Type-Options", "nosniff")
		if a.body != c.bytes {
			t.Errorf("%s: got %q, want %q", c.name, a.body, c.bytes)
		}
		if a := n.do("HEAD", path, "").expect(t, 200); a.body != "" || a.Header.Get("Content-Type") != c.mime {
			t.Errorf("%s: HEAD answers %q", c.name, a.body)
		}
		if a := n.do("GET", path, "", "Accept", "application/json").expect(t, 200); a.body != c.json+"\n" {
			t.Errorf("%s: got %q, want %q", c.name, a.body, c.json)
		}
	}
	n.do("GET", "/test/counter/x/state/history", "").expect(t, 200, `["Ann"`)
	n.do("GET", "/test/counter/x/state/scores", "").expect(t, 200, `{"Ann":0.5`)
	n.do("GET", "/test/counter/y/state/count", "").expect(t, 404, "count")
	n.do("GET", "/test/counter/y/state/history", "").expect(t, 404, "history")
	n.do("GET", "/test/counter/x/state/nothing", "").expect(t, 404, `test/counter has no state "nothing" here`)
	n.do("GET", "/test/counter/%FF/state/count", "").expect(t, 400, "not valid UTF-8")
	n.do("GET", "/te%2Fst/counter/x/state/count", "").expect(t, 400)
}

// An id that ends like a view is told from one by an encoded slash.
func TestStateOfIDsThatLookLikeViews(t *testing.T) {
	t.Parallel()
	n := start(t)
	for i, id := range []string{"x", "x/state", "x/state/count", "state", "", "x/state/state"} {
		n.call("/test/counter/"+strings.ReplaceAll(id, "/", "%2F"), functions.Int64.Of(int64(i+1))).expect(t, 200)
	}
	for path, want := range map[string]int{
		"x/state/count":                   1,
		"x%2Fstate/state/count":           2,
		"x/state/state/count":             2,
		"x%2Fstate%2Fcount/state/count":   3,
		"x/state/count/state/count":       3,
		"state/state/count":               4,
		"/state/count":                    5,
		"x%2Fstate%2Fstate/state/count":   6,
		"x/state%2Fstate/state/coun%74":   6,
		"x%2Fstate%2F%73tate/state/count": 6,
	} {
		a := n.do("GET", "/test/counter/"+path, "", "Accept", "application/json").expect(t, 200)
		if a.body != fmt.Sprintln(want) {
			t.Errorf("%s: got %s, want %d", path, a.body, want)
		}
	}
	var list StateList
	n.do("GET", "/test/counter/x/state/state", "").expect(t, 200).decode(t, &list)
	if list.Address.ID != "x/state" {
		t.Errorf("got the list of %q", list.Address.ID)
	}
}

// States that were registered while the function ran, and values that are not
// JSON.
func TestStatesThatAreNotDeclared(t *testing.T) {
	t.Parallel()
	late, list := functions.Value("late", functions.Double), functions.Map("late map", raw)
	n := start(t, func(o *actors.Options, _ *Options) {
		o.Functions = append(o.Functions, &functions.Function{
			Type: "test/late",
			Handlers: []functions.Handler{functions.OnAny(func(ctx functions.Context, m functions.Message) error {
				if err := ctx.Register(late); err != nil {
					return err
				}
				if err := ctx.Register(list); err != nil {
					return err
				}
				late.Set(ctx, math.NaN())
				list.Set(ctx, "a \"key\"", []byte{1})
				list.Set(ctx, "b", []byte(`{"c": [] }`))
				reply(ctx, m)
				return nil
			})},
		})
	})
	n.call("/test/late/x", functions.Bool.Of(true)).expect(t, 200)
	a := n.do("GET", "/test/late/x/state/late", "", "Accept", "application/json").expect(t, 200)
	if a.body != `{"base64":"CQEAAAAAAPh/"}`+"\n" {
		t.Errorf("got %s", a.body)
	}
	var got map[string]any
	n.do("GET", "/test/late/x/state/late%20map", "").expect(t, 200).decode(t, &got)
	want := map[string]any{"a \"key\"": map[string]any{"base64": "AQ=="}, "b": map[string]any{"c": []any{}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLongList(t *testing.T) {
	t.Parallel()
	var want []string
	for i := range 3000 {
		want = append(want, fmt.Sprintf("entry %d of many, to fill some buffers", i))
	}
	f := func(ctx functions.Context, _ functions.Message) error { history.Append(ctx, want...); return nil }
	n := start(t, func(o *actors.Options, _ *Options) {
		o.Functions = []*functions.Function{{Type: "test/long", States: []functions.State{history}, Handlers: []functions.Handler{functions.OnAny(f)}}}
	})
	n.send("/test/long/x", functions.Bool.Of(true)).expect(t, 202)
	var got []string
	eventually(t, "the list", func() bool {
		a := n.do("GET", "/test/long/x/state/history", "")
		return a.StatusCode == http.StatusOK && json.Unmarshal([]byte(a.body), &got) == nil
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %d entries", len(got))
	}
}

// What breaks off in the middle is no JSON.
func TestBrokenList(t *testing.T) {
	t.Parallel()
	f := &fake{err: errFake}
	n := start(t, func(_ *actors.Options, o *Options) { o.Node = f })
	f.Node = n.engine
	a := n.do("GET", "/test/counter/x/state/history", "").expect(t, 200)
	if json.Valid([]byte(a.body)) || a.body != `["one"` {
		t.Errorf("got %q", a.body)
	}
	n.do("GET", "/test/counter/x/state/count", "").expect(t, 500, "on fire")
}
