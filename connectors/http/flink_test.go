package http

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// server is a function server that answers, or does not.
type server struct{ broken atomic.Bool }

var errBroken = errors.New("it is broken")

func (s *server) Call(context.Context, functions.TypeName, []byte) ([]byte, error) {
	if s.broken.Load() {
		return nil, &actors.CallError{Err: errBroken, Down: true}
	}
	f := protocol.FromFunction{InvocationResult: protocol.InvocationResponse{Present: true, OutgoingMessages: []protocol.OutgoingMessage{
		{Target: functions.TypeName("test/silent").At("x"), Argument: protocol.ValueOf("test/raw", []byte("m"))},
	}}}
	return f.Append(nil), nil
}

// remoteNode is a node with functions at a server.
func remoteNode(t *testing.T, s *server) *node {
	t.Helper()
	return start(t, func(o *actors.Options, h *Options) {
		h.Name = "shop"
		h.Bound = []Bound{{RoleFunctions, "com.example/*", "http://fns/{function.name}"}}
		o.FirstBackoff, o.LastBackoff = time.Hour, time.Hour
		o.Remotes = []actors.Remote{{Functions: "com.example/*", Caller: s, Endpoint: "http://fns/{function.name}"}}
		o.Functions = append(o.Functions, &functions.Function{
			Type: "test/counting",
			Handlers: []functions.Handler{functions.OnAny(func(ctx functions.Context, m functions.Message) error {
				ctx.Count("my counter", 3)
				for _, taken := range []string{"in", "my_counter", "my-counter", "remoteInvocationLatency", "remoteInvocationLatency_count"} {
					ctx.Count(taken, 1000)
				}
				reply(ctx, m)
				return nil
			})},
		})
	})
}

// Every metric of StateFun is there, under the name it has through Flink's Prometheus
// reporter. COMPAT 96, 105.
func TestStateFunMetrics(t *testing.T) {
	t.Parallel()
	s := &server{}
	n := remoteNode(t, s)
	for range 3 { // one request each
		n.send("/com.example/the-cart/a", functions.Int64.Of(1)).expect(t, 202)
		if err := n.engine.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	n.call("/test/counting/a", functions.Int64.Of(1)).expect(t, 200)
	s.broken.Store(true) // one request finds that out, the others wait in line
	for _, id := range []string{"b", "b", "c"} {
		n.send("/com.example/the-cart/"+id, functions.Int64.Of(1)).expect(t, 202)
	}
	if err := n.engine.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := n.do("GET", "/metrics", "").expect(t, 200).body
	const cart = `flink_taskmanager_job_task_operator_functions_com_example_the_cart_`
	const labels = `{function="com.example/the-cart",job_name="shop"} `
	for _, line := range []string{
		cart + "in" + labels + "3\n", cart + "inRate" + labels, cart + "outLocal" + labels + "3\n", cart + "outLocalRate" + labels,
		cart + "outRemote" + labels + "0\n", cart + "outRemoteRate" + labels + "0\n", cart + "outEgress" + labels + "0\n", cart + "outEgressRate" + labels,
		cart + "numBlockedAddress" + labels + "2\n", cart + "inflightAsyncOps" + labels + "0\n", cart + "numBacklog" + labels + "3\n",
		cart + "remoteInvocationFailures" + labels + "1\n", cart + "remoteInvocationFailuresRate" + labels,
		cart + `remoteInvocationLatency{function="com.example/the-cart",job_name="shop",quantile="0.99"} `,
		cart + "remoteInvocationLatency_count" + labels + "4\n",
		`flink_taskmanager_job_task_operator_functions_test_counting_in{function="test/counting",job_name="shop"} 1` + "\n",
		`statefun_function_request_seconds_bucket{function="com.example/the-cart",le="+Inf"} 4` + "\n",
		`statefun_function_request_failures_total{function="com.example/the-cart"} 1` + "\n",
		`statefun_function_requests_in_flight{function="com.example/the-cart"} 0` + "\n",
		`statefun_function_pending_messages{function="com.example/the-cart"} 3` + "\n",
		`statefun_function_waiting_addresses{function="com.example/the-cart"} 2` + "\n",
		`statefun_function_spilled_addresses{function="com.example/the-cart"} 0` + "\n",
		`statefun_function_async_running{function="com.example/the-cart"} 0` + "\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q", line)
		}
	}
	// Counters of the function's own that are the same to Prometheus, or would be
	// StateFun's, are left out.
	const counting = "flink_taskmanager_job_task_operator_functions_test_counting_"
	own := regexp.MustCompile(`(?m)^`+counting+`(my_counter|in|remoteInvocationLatency_count)\{.* (\d+)$`).FindAllStringSubmatch(text, -1)
	var values []string
	for _, m := range own {
		values = append(values, m[1]+" "+m[2])
	}
	if got := strings.Join(values, ", "); got != "in 1, my_counter 3, remoteInvocationLatency_count 0" {
		t.Errorf("got %s", got)
	}
	if _, err := gatherer(n).Gather(); err != nil { // which checks that they go together
		t.Error(err)
	}
}

// gatherer has what /metrics shows of the node.
func gatherer(n *node) prometheus.Gatherer {
	r := prometheus.NewRegistry()
	b := &backlogs{meter: n.engine}
	r.MustRegister(newCollector(n.engine, b, &responses{}), &flink{n.engine, b, "shop"})
	return r
}

// The status names functions with their endpoint, what waits for them, why and until
// when.
func TestStatusOfRemoteFunctions(t *testing.T) {
	t.Parallel()
	s := &server{}
	s.broken.Store(true)
	n := remoteNode(t, s)
	for _, id := range []string{"a", "b", "b", "c", "d"} {
		n.send("/com.example/cart/"+id, functions.Int64.Of(1)).expect(t, 202)
	}
	if err := n.engine.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got Status
	n.do("GET", "/io.statefun/status", "").expect(t, 200).decode(t, &got)
	f := got.Functions["com.example/cart"]
	if f.Endpoint != "http://fns/{function.name}" || f.Pending != 5 || f.Waiting != 4 || f.Requests != 1 || f.RequestFailures != 1 || f.InFlight != 0 || len(f.Worst) != 3 {
		t.Errorf("got %+v", f)
	}
	if f.Failing == nil || f.Failing.Error != errBroken.Error() || time.Since(f.Failing.Since) > time.Minute || f.Failing.Next == nil || time.Until(*f.Failing.Next) < time.Minute {
		t.Errorf("failing: %+v", f.Failing)
	}
	if w := f.Worst[0]; w.Address.String() != "com.example/cart/b" || w.Pending != 2 || !strings.Contains(w.Reason, errBroken.Error()) || w.Until != nil {
		t.Errorf("got %+v", w)
	}
	if len(got.Bound) != 1 || got.Bound[0].Name != "com.example/*" || got.Partial || got.Searching {
		t.Errorf("got %+v", got)
	}
}

func TestClipped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxErrorBytes)
	if got := clipped(long); len(got) > maxErrorBytes+len("…") || !strings.HasSuffix(got, "é…") || clipped("short") != "short" {
		t.Errorf("got %q", got)
	}
	if got := sortedTypes(map[functions.TypeName]int{"b/b": 1, "a/a": 2}); !slices.IsSorted(got) {
		t.Errorf("got %v", got)
	}
}
