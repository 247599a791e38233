package http

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

func (n *node) quarantined(query string) (list QuarantineList) {
	n.t.Helper()
	n.do("GET", "/io.statefun/quarantine"+query, "").expect(n.t, 200).decode(n.t, &list)
	return list
}

func messagePath(q QuarantineEntry, action string) string {
	return fmt.Sprintf("/io.statefun/quarantine/%d%s?address=%s", q.Sequence, action, url.QueryEscape(q.Address.String()))
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	n := start(t)
	if got := n.quarantined(""); len(got.Messages) != 0 || got.More {
		t.Errorf("got %+v", got)
	}
	n.call("/test/fragile/a%2Fb", functions.String.Of("glue")).expect(t, 500, "the message was quarantined: ", "out of glue")
	got := n.quarantined("")
	if len(got.Messages) != 1 {
		t.Fatalf("got %+v", got)
	}
	q := got.Messages[0]
	if q.Address != (functions.Address{Type: "test/fragile", ID: "a/b"}) || q.Type != "io.statefun.types/string" ||
		q.Size != 6 || q.Error != "out of glue" || q.Attempts != 1 || q.At.IsZero() || !strings.HasPrefix(q.Caller, "io.statefun/reply/") {
		t.Errorf("got %+v", q)
	}
	var details QuarantineDetails
	n.do("GET", messagePath(q, ""), "").expect(t, 200).decode(t, &details)
	if string(details.Value) != `"glue"` || string(details.Bytes) != "\x0a\x04glue" || details.Error != q.Error {
		t.Errorf("got %+v", details)
	}
	n.repair()
	n.do("POST", messagePath(q, "/retry"), "").expect(t, 204)
	n.call("/test/fragile/a%2Fb", functions.String.Of("x")).expectInt(t, 2)
	n.do("POST", messagePath(q, "/retry"), "").expect(t, 404, "no such message in quarantine: test/fragile/a/b")
	n.do("GET", messagePath(q, ""), "").expect(t, 404)
}

func TestQuarantineDrop(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.call("/test/fragile/x", functions.String.Of("glue")).expect(t, 500)
	q := n.quarantined("").Messages[0]
	n.do("DELETE", messagePath(q, ""), "").expect(t, 204)
	n.do("DELETE", messagePath(q, ""), "").expect(t, 404)
	if got := n.quarantined(""); len(got.Messages) != 0 {
		t.Errorf("got %+v", got)
	}
	n.do("DELETE", fmt.Sprintf("/io.statefun/quarantine/%d", q.Sequence), "").expect(t, 400, "parameter address: ")
	n.do("DELETE", fmt.Sprintf("/io.statefun/quarantine/%d?address=x", q.Sequence), "").expect(t, 400, "must be of format <namespace>/<type>/<id>")
}

// A call with a key keeps telling that its message was quarantined.
func TestQuarantinedCallWithKey(t *testing.T) {
	t.Parallel()
	n := start(t)
	for range 2 {
		n.call("/test/fragile/x", functions.String.Of("glue"), "Idempotency-Key", "k").expect(t, 500, "out of glue")
	}
	if got := n.quarantined(""); len(got.Messages) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestQuarantineListIsBounded(t *testing.T) {
	t.Parallel()
	n := start(t)
	for i := range 5 {
		n.call(fmt.Sprint("/test/fragile/", i), functions.String.Of("glue")).expect(t, 500)
	}
	for query, want := range map[string]struct {
		n    int
		more bool
	}{
		"":                               {5, false},
		"?limit=4":                       {4, true},
		"?limit=5":                       {5, false},
		"?function=test/fragile&limit=1": {1, true},
		"?function=test/other":           {0, false},
	} {
		if got := n.quarantined(query); len(got.Messages) != want.n || got.More != want.more {
			t.Errorf("%s: got %d, more %v; want %+v", query, len(got.Messages), got.More, want)
		}
	}
	for _, limit := range []string{"0", "-1", "x", "10001", ""} {
		n.do("GET", "/io.statefun/quarantine?limit="+limit, "").expect(t, 400, "expected 1 to 10000")
	}
	n.do("GET", "/io.statefun/quarantine?functions=x", "").expect(t, 400, `parameter "functions", expected function and limit`)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	n := start(t)
	for _, id := range []string{"a", "b", "c"} {
		n.call("/test/counter/"+id, functions.Int64.Of(1)).expect(t, 200)
	}
	purge := func(body string) (p actors.Purged) {
		t.Helper()
		n.do("POST", "/io.statefun/purge", body).expect(t, 200).decode(t, &p)
		return p
	}
	for _, c := range []struct {
		body string
		want actors.Purged
	}{
		{`{"address": "test/counter/a", "dry_run": true}`, actors.Purged{Addresses: 1, States: 1}},
		{`{"type": "test/counter", "dry_run": true}`, actors.Purged{Addresses: 3, States: 3}},
		{`{"address": "test/counter/a"}`, actors.Purged{Addresses: 1, States: 1}},
		{`{"type": "test/counter"}`, actors.Purged{Addresses: 2, States: 2}},
	} {
		if got := purge(c.body); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.body, got, c.want)
		}
	}
	n.call("/test/counter/a", functions.Int64.Of(1)).expectInt(t, 1)
	for body, want := range map[string]string{
		``:                                    `EOF; expected {"address": "a/b/c"} or {"type": "a/b"}`,
		`{`:                                   "expected",
		`{}`:                                  "expected either an address or a type",
		`{"address": "a/b/c", "type": "a/b"}`: "expected either an address or a type",
		`{"adress": "a/b/c"}`:                 `unknown field "adress"`,
		`{"address": "a"}`:                    "must be of format <namespace>/<type>/<id>",
		`{"address": ""}`:                     "must be of format",
		`{"type": "a"}`:                       "must be of format <namespace>/<name>",
	} {
		n.do("POST", "/io.statefun/purge", body).expect(t, 400, want)
	}
	n.do("POST", "/io.statefun/purge?dry_run", `{"type": "test/counter"}`).expect(t, 400, "parameter")
	n.do("POST", "/io.statefun/purge", `{"address": "no/such/x"}`).expect(t, 404, "unknown function")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.About = map[string]string{"name": "shop"} })
	n.call("/test/counter/a", functions.Int64.Of(1)).expect(t, 200)
	n.call("/test/fragile/a", functions.String.Of("glue")).expect(t, 500)
	var got Status
	n.do("GET", "/io.statefun/status", "").expect(t, 200, `"name": "shop"`).decode(t, &got)
	if got.Accepted != 2 || got.Replies != 2 || got.Quarantined != 1 || got.LiveGrains == 0 ||
		got.Functions["test/counter"].In != 1 || got.Functions["test/fragile"].Quarantined != 1 || got.Journal.Batches == 0 {
		t.Errorf("got %+v", got)
	}
	n.do("GET", "/io.statefun/status?x", "").expect(t, 400, "expected none")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	n := start(t, func(o *actors.Options, _ *Options) {
		o.Functions = append(o.Functions, &functions.Function{
			Type: "test/counting",
			Handlers: []functions.Handler{functions.OnAny(func(ctx functions.Context, m functions.Message) error {
				ctx.Count("fine", 2)
				ctx.Count("b\xffd \"name\"\n", -1)
				reply(ctx, m)
				return nil
			})},
		})
	})
	n.call("/test/counting/a", functions.Int64.Of(1)).expect(t, 200)
	n.send("/test/counting/a", functions.Int64.Of(1)).expect(t, 202)
	n.do("GET", "/no/such/x/state", "").expect(t, 404)
	a := n.do("GET", "/metrics", "").expect(t, 200)
	for _, line := range []string{
		"statefun_accepted_messages_total 2",
		"statefun_replies_total 1",
		"statefun_live_grains 1",
		`statefun_function_in_total{function="test/counting"} `,
		`statefun_function_counter_total{counter="fine",function="test/counting"} `,
		`statefun_function_counter_total{counter="b` + "\uFFFD" + `d \"name\"\n",function="test/counting"} `,
		`statefun_http_responses_total{code="200"} 1`,
		`statefun_http_responses_total{code="202"} 1`,
		`statefun_http_responses_total{code="404"} 1`,
		"statefun_journal_batches_total ",
		"statefun_tables_disk_bytes ",
		"go_goroutines ",
	} {
		if !strings.Contains(a.body, line) {
			t.Errorf("no %q in\n%s", line, a.body)
		}
	}
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("Content-Type %s", got)
	}
	n.do(http.MethodHead, "/metrics", "").expect(t, 200)
}
