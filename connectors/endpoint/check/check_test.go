package check_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	official "github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/functions/remote"
)

func TestHealthyServer(t *testing.T) {
	t.Parallel()
	var called []string
	o := start(t, &server{})
	o.Found = func(f check.Finding) { called = append(called, f.Check) }
	r := run(t, o)
	want(t, r, check.OK, "connect", "connected to 127.0.0.1:")
	want(t, r, check.OK, "unknown function", "500", "no such function")
	want(t, r, check.OK, "keep-alive")
	want(t, r, check.OK, "size", "2 MiB")
	want(t, r, check.OK, "get", "405")
	want(t, r, check.OK, "handshake", "in 2 requests", "seen (example/text)")
	want(t, r, check.OK, "effects", "1 change of state, 1 message,")
	want(t, r, check.OK, "state", "seen")
	want(t, r, check.OK, "runtime's client")
	want(t, r, check.OK, "batch", "3 messages in one request")
	want(t, r, check.OK, "time")
	if !r.Reached || len(called) != len(r.Findings) || strings.Contains(r.URL, "@") {
		t.Errorf("got %v, %+v", called, r)
	}
}

// Both SDKs for Go, with the same function.
func TestSDKs(t *testing.T) {
	t.Parallel()
	visits := functions.Value("visits", functions.Int64).ExpireAfterWrite(time.Hour)
	ours, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, functions.Function{
		Type: counterType, States: []functions.State{visits},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, in string) error {
			n := visits.Update(ctx, func(n int64) int64 { return n + 1 })
			ctx.Send(functions.Egress("example/out"), functions.String.Of(in+strconv.FormatInt(n, 10)))
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := official.ValueSpec{Name: "visits", ValueType: official.Int64Type, Expiration: official.ExpireAfterWrite(time.Hour)}
	builder := official.StatefulFunctionsBuilder()
	if err := builder.WithSpec(official.StatefulFunctionSpec{
		FunctionType: official.TypeNameFrom(string(counterType)), States: []official.ValueSpec{spec},
		Function: official.StatefulFunctionPointer(func(ctx official.Context, m official.Message) error {
			var n int64
			ctx.Storage().Get(spec, &n)
			ctx.Storage().Set(spec, n+1)
			ctx.SendEgress(official.GenericEgressBuilder{Target: official.TypeNameFrom("example/out"), Value: m.AsString() + strconv.FormatInt(n, 10), ValueType: official.StringType})
			return nil
		}),
	}); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"ours": ours, "official": builder.AsHandler()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := start(t, h)
			o.Egresses = []functions.Egress{"example/out"}
			o.Message = protocol.TypedValue{Present: true, Typename: functions.String.Name(), HasValue: true, Value: functions.String.Of("Ann").Value}
			r := run(t, o)
			want(t, r, check.OK, "handshake", "visits (io.statefun.types/long, expires 1h0m0s after the last write)")
			want(t, r, check.OK, "effects", "1 change of state, 1 egress record,")
			want(t, r, check.OK, "batch")
			want(t, r, check.OK, "unknown function", "500")
			o.Message = protocol.TypedValue{}
			want(t, run(t, o), check.Skipped, "message", "6 times")
			o.Egresses = []functions.Egress{"example/other"}
			o.Message = protocol.TypedValue{Present: true, Typename: functions.String.Name(), HasValue: true}
			want(t, run(t, o), check.Failed, "effects", "for the egress example/out, which the module does not have", "example/other")
		})
	}
}

// Without a function, no request names one; without a message, none has an invocation.
func TestNothingIsInvoked(t *testing.T) {
	t.Parallel()
	var asked, invoked int
	s := &server{}
	s.answer = func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		asked++
		invoked += len(q.Invocations)
		s := &server{}
		return s.respond(q)
	}
	o := start(t, s)
	o.Message = protocol.TypedValue{}
	want(t, run(t, o), check.OK, "handshake", "seen")
	if asked != 2 || invoked != 0 {
		t.Errorf("%d requests with %d invocations", asked, invoked)
	}
	o.Function = ""
	want(t, run(t, o), check.Skipped, "function", "--function")
	if asked != 2 {
		t.Errorf("%d requests", asked)
	}
	o.Function, o.Message = counterType, text("m")
	if run(t, o); invoked > check.Invocations+1 { // and once more in the handshake, before there is state
		t.Errorf("%d invocations", invoked)
	}
}

// Secrets are sent, and are in no finding.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "denied: "+r.Header.Get("Token")+r.URL.RawQuery, http.StatusForbidden)
	})
	o := start(t, s)
	o.Endpoint.Headers = map[string]endpoint.Secret{"Token": "open-sesame"}
	o.Endpoint.URL = strings.Replace(o.Endpoint.URL, "http://", "http://ann:password1@", 1)
	r := run(t, o)
	want(t, r, check.Failed, "post", "denied: ")
	for _, f := range r.Findings {
		if strings.Contains(f.What+f.Advice+r.URL, "sesame") || strings.Contains(f.What+r.URL, "password1") {
			t.Errorf("a secret in %+v of %s", f, r.URL)
		}
	}
}

func TestWrongConfig(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8000", "ftp://host/", "http://h/{name}"} {
		r, err := check.Run(t.Context(), check.Options{Endpoint: endpoint.Config{URL: url}})
		if _, ok := errors.AsType[*endpoint.ConfigError](err); !ok || r != nil {
			t.Errorf("%q: got %+v, %v", url, r, err)
		}
	}
}
