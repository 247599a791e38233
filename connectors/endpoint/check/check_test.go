package check_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	want(t, r, check.OK, "effects", "1 changes of state, 1 messages")
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
			want(t, r, check.OK, "effects", "1 changes of state, 1 egress records")
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

// answers to a request for the function that are wrong in HTTP or in their bytes.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	send := func(contentType string, status int, change func([]byte) []byte) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, b []byte) bool {
			if contentType == "" {
				w.Header()["Content-Type"] = nil
			} else {
				w.Header().Set("Content-Type", contentType)
			}
			w.WriteHeader(status)
			_, _ = w.Write(change(b))
			return true
		}
	}
	fixed := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	same := func(b []byte) []byte { return b }
	header := func(name, value string) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, b []byte) bool {
			w.Header().Set(name, value)
			return send(protocol.ContentType, 200, same)(w, nil, b)
		}
	}
	for name, c := range map[string]struct {
		http  func(http.ResponseWriter, *http.Request, []byte) bool
		parts []string
	}{
		// COMPAT 39
		"empty without type": {send("", 200, fixed("")), []string{"an empty answer with status 200 and no Content-Type", "playground server for Java", "answer 500"}},
		"no type":            {send("", 200, same), []string{"expected the Content-Type application/octet-stream, found none"}},
		"parameters":         {send("application/octet-stream; charset=utf-8", 200, same), []string{"charset", "without parameters"}},
		"JSON":               {send("application/json", 200, fixed(`{"invocation_result": {}}`)), []string{`found "application/json"`, "looks like JSON"}},
		"JSON as octets":     {send(protocol.ContentType, 200, fixed(`{"a": 1}`)), []string{"no FromFunction", "7b 22", "looks like JSON"}},
		"HTML":               {send("text/html", 200, fixed("<!DOCTYPE html><p>Hi")), []string{"looks like HTML", "check the URL"}},
		"base64": {send(protocol.ContentType, 200, func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }),
			[]string{"base64", "isBase64Encoded"}},
		"framed": {send(protocol.ContentType, 200, func(b []byte) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
		}), []string{"gRPC"}},
		"delimited": {send(protocol.ContentType, 200, func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }), []string{"writeDelimitedTo"}},
		"unlabelled gzip": {send(protocol.ContentType, 200, func(b []byte) []byte {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b)
			_ = w.Close()
			return z.Bytes()
		}), []string{"looks like gzip", "Content-Encoding: gzip"}},
		"another message": {send(protocol.ContentType, 200, fixed("\x0a\x02hi")), []string{"neither invocation_result", "0a 02"}},
		"text":            {send(protocol.ContentType, 200, fixed("oh no")), []string{"looks like text", "status 500"}},
		"brotli":          {header("Content-Encoding", "br"), []string{`"br"`, "gzip, deflate or none", "gzip,deflate"}},
		"not gzip":        {header("Content-Encoding", "gzip"), []string{"not in its Content-Encoding, gzip"}},
		"500":             {send("text/plain", 500, fixed("division by zero")), []string{"expected the status 200, found 500", "division by zero", "log of the server"}},
		"401":             {send("text/plain", 401, fixed("")), []string{"found 401", "headers in module.yaml"}},
		"404":             {send("text/plain", 404, fixed("")), []string{"found 404", "path of the URL"}},
		"405":             {send("text/plain", 405, fixed("")), []string{"found 405", "POST"}},
		"413":             {send("text/plain", 413, fixed("")), []string{"found 413", "small requests"}},
		"415":             {send("text/plain", 415, fixed("")), []string{"found 415", protocol.ContentType}},
		"503":             {send("text/plain", 503, fixed("")), []string{"found 503", "try again"}},
		"504":             {send("text/plain", 504, fixed("")), []string{"found 504", "proxy"}},
		"redirect":        {send("text/plain", 307, fixed("")), []string{"found 307", "redirects are not followed"}},
		"connection breaks": {func(http.ResponseWriter, *http.Request, []byte) bool { panic(http.ErrAbortHandler) },
			[]string{"no answer", "crashed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{http: c.http})), check.Failed, "handshake", c.parts...)
		})
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	for coding, pack := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	} {
		s := &server{http: func(w http.ResponseWriter, r *http.Request, b []byte) bool {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), coding) {
				return false
			}
			w.Header().Set("Content-Type", protocol.ContentType)
			w.Header().Set("Content-Encoding", coding)
			z := pack(w)
			_, _ = z.Write(b)
			_ = z.Close()
			return true
		}}
		want(t, run(t, start(t, s)), check.OK, "compression", coding)
	}
}

// effects that no runtime could carry out.
func TestWrongEffects(t *testing.T) {
	t.Parallel()
	to := functions.TypeName("example/log").At("all")
	delayed := func(d ...protocol.DelayedInvocation) func(*protocol.InvocationResponse) {
		return func(r *protocol.InvocationResponse) { r.DelayedInvocations = d }
	}
	for name, c := range map[string]struct {
		spoil func(*protocol.InvocationResponse)
		parts []string
	}{
		// COMPAT 13
		"undeclared state": {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateName = "sene" }, []string{`"sene" is changed, which was never declared`}},
		// COMPAT 12
		"wrong type of a state": {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue.Typename = "example/other" },
			[]string{`declared as example/text and is set to a value of "example/other"`}},
		"unknown mutation":  {func(r *protocol.InvocationResponse) { r.StateMutations[0].MutationType = 7 }, []string{"mutation type 7", "MODIFY (1)"}},
		"no state value":    {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue = protocol.TypedValue{} }, []string{"without a state_value"}},
		"no target":         {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target = functions.Address{} }, []string{"outgoing_messages[0] has no valid target"}},
		"no type of target": {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target.Type = "example/" }, []string{"outgoing_messages[0] has no valid target"}},
		"empty id":          {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target.ID = "" }, []string{"with an empty id"}},
		"no argument":       {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument = protocol.TypedValue{} }, []string{"has no argument"}},
		"no value":          {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument.HasValue = false }, []string{"has_value = false"}},
		"type of argument":  {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument.Typename = "text" }, []string{`is "text"`, "exactly one slash"}},
		"negative delay":    {delayed(protocol.DelayedInvocation{DelayMillis: -1, Target: to, Argument: text("")}), []string{"delayed_invocations[0] has a delay of -1 ms"}},
		"no token":          {delayed(protocol.DelayedInvocation{IsCancellation: true}), []string{"without a cancellation_token"}},
		// COMPAT 35
		"token twice": {delayed(protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}, protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}),
			[]string{`delayed_invocations[1] has the cancellation_token "t"`}},
		"no egress": {func(r *protocol.InvocationResponse) {
			r.OutgoingEgresses = []protocol.EgressMessage{{Argument: text("")}}
		}, []string{`the egress of outgoing_egresses[0] is ""`, "egress_namespace"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{spoil: c.spoil})), check.Failed, "effects", c.parts...)
		})
	}
	// What is right: a token again after its cancellation, and a delay of 0.
	ok := delayed(protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}, protocol.DelayedInvocation{IsCancellation: true, CancellationToken: "t"},
		protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"})
	want(t, run(t, start(t, &server{spoil: ok})), check.OK, "effects", "3 delayed")
}

func TestWrongSpecs(t *testing.T) {
	t.Parallel()
	spec := func(change func(*protocol.PersistedValueSpec)) []protocol.PersistedValueSpec {
		s := seenSpec()
		change(&s[0])
		return s
	}
	for name, c := range map[string]struct {
		specs []protocol.PersistedValueSpec
		parts []string
	}{
		"no name":      {spec(func(s *protocol.PersistedValueSpec) { s.StateName = "" }), []string{"without a name"}},
		"no type":      {spec(func(s *protocol.PersistedValueSpec) { s.TypeTypename = "" }), []string{"the state seen has no type"}},
		"type":         {spec(func(s *protocol.PersistedValueSpec) { s.TypeTypename = "a/b/c" }), []string{`is "a/b/c"`, "exactly one slash"}},
		"mode":         {spec(func(s *protocol.PersistedValueSpec) { s.ExpirationSpec.Mode = 9 }), []string{"expire mode 9"}},
		"no time":      {spec(func(s *protocol.PersistedValueSpec) { s.ExpirationSpec.Mode = protocol.ExpireAfterWrite }), []string{"expires after 0 ms"}},
		"two of types": {append(seenSpec(), protocol.PersistedValueSpec{StateName: "seen", TypeTypename: "a/b"}), []string{"as example/text and as a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{specs: c.specs})), check.Failed, "states", c.parts...)
		})
	}
}

// COMPAT 7
func TestHandshake(t *testing.T) {
	t.Parallel()
	incomplete := func(specs ...protocol.PersistedValueSpec) protocol.FromFunction {
		return protocol.FromFunction{IncompleteInvocationContext: protocol.IncompleteInvocationContext{Present: true, MissingValues: specs}}
	}
	always := func(m protocol.FromFunction) *server {
		return &server{answer: func(*protocol.InvocationBatchRequest) protocol.FromFunction { return m }}
	}
	want(t, run(t, start(t, always(incomplete(seenSpec()...)))), check.Failed, "handshake", "misses the state seen, which the request had", "absent")
	want(t, run(t, start(t, always(incomplete()))), check.Failed, "handshake", "misses nothing")
	more := &server{answer: func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		return incomplete(protocol.PersistedValueSpec{StateName: strconv.Itoa(len(q.State)), TypeTypename: textType})
	}}
	want(t, run(t, start(t, more)), check.Failed, "handshake", "after 10 requests")
	// COMPAT 38
	want(t, run(t, start(t, always(protocol.FromFunction{}))), check.OK, "effects", "no effects")
	late := &server{}
	late.answer = func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		if len(q.State) > 0 && q.State[0].StateValue.HasValue {
			return incomplete(protocol.PersistedValueSpec{StateName: "late", TypeTypename: textType})
		}
		good := server{}
		return good.respond(q)
	}
	want(t, run(t, start(t, late)), check.Note, "states", "one more state later: late")
}

// COMPAT 19
func TestBatch(t *testing.T) {
	t.Parallel()
	first := &server{}
	first.answer = func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		good := server{}
		q.Invocations = q.Invocations[:1]
		return good.respond(q)
	}
	want(t, run(t, start(t, first)), check.Failed, "batch", "the same as one message: the others are lost")
	spoilt := func(f func(*protocol.InvocationResponse)) *server {
		return &server{spoil: func(r *protocol.InvocationResponse) {
			if len(r.OutgoingMessages) > 1 {
				f(r)
			}
		}}
	}
	want(t, run(t, start(t, spoilt(func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue.Value = []byte("?") }))),
		check.Note, "batch", "leave another state seen")
	want(t, run(t, start(t, spoilt(func(r *protocol.InvocationResponse) {
		r.OutgoingMessages[0], r.OutgoingMessages[1] = r.OutgoingMessages[1], r.OutgoingMessages[0]
	}))),
		check.Note, "batch", "send other messages")
}

// what a server does with requests that reach no function.
func TestUnasked(t *testing.T) {
	t.Parallel()
	status := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		unknown http.HandlerFunc
		outcome check.Outcome
		check   string
		parts   []string
	}{
		"success":    {status(200, protocol.ContentType, ""), check.Failed, "unknown function", []string{"cannot be here, is answered as a success", "lost"}},
		"spoilt":     {status(200, protocol.ContentType, "oh no"), check.Failed, "unknown function", []string{"no FromFunction"}},
		"empty 200":  {status(200, "text/plain", ""), check.Note, "unknown function", []string{"tries again"}},
		"wrong path": {status(404, "text/plain", "not found"), check.Failed, "post", []string{"404", "path of the URL"}},
		"refused":    {status(403, "text/plain", ""), check.Failed, "post", []string{"403", "header"}},
		"400":        {status(400, "text/plain", "which function?"), check.OK, "unknown function", []string{"which function?"}},
		"TLS":        {status(400, "text/plain", "Client sent an HTTP request to an HTTPS server."), check.Failed, "post", []string{"https in the URL"}},
		// COMPAT §1.3: aiohttp
		"413": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				status(413, "text/plain", "")(w, r)
				return
			}
			status(500, "text/plain", "")(w, r)
		}, check.Note, "size", []string{"413", "client_max_size", "maxBatchBytes"}},
		"large breaks": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				panic(http.ErrAbortHandler)
			}
			status(500, "text/plain", "")(w, r)
		}, check.Failed, "size", []string{"no answer to a request of 2 MiB", "413"}},
		"large differs": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				status(400, "text/plain", "")(w, r)
				return
			}
			status(500, "text/plain", "")(w, r)
		}, check.Failed, "size", []string{"answered with 400, a small one with 500"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{unknown: c.unknown})), c.outcome, c.check, c.parts...)
		})
	}
	closing := func(w http.ResponseWriter) { w.Header().Set("Connection", "close") }
	refusing := start(t, &server{unknown: func(w http.ResponseWriter, r *http.Request) {
		closing(w)
		status(500, "text/plain", "")(w, r)
	}})
	want(t, run(t, refusing), check.OK, "keep-alive", "but for one on which a request was refused")
	refusing.Function, refusing.Message = "", protocol.TypedValue{}
	want(t, run(t, refusing), check.Note, "keep-alive", "after it has refused", "--function")
	always := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { closing(w); (&server{}).ServeHTTP(w, r) })
	want(t, run(t, start(t, always)), check.Note, "keep-alive", "after each answer")
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			status(200, "text/html", "<html>")(w, r)
			return
		}
		(&server{}).ServeHTTP(w, r)
	})
	want(t, run(t, start(t, page)), check.Note, "get", "answered with 200", "HTML")
	mux := http.NewServeMux()
	mux.Handle("POST /statefun/counter", &server{})
	o := start(t, mux)
	o.Endpoint.URL += "/{function.name}"
	want(t, run(t, o), check.OK, "unknown function", "no such path")
}

func TestNotReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for url, c := range map[string]struct{ check, part string }{
		"http://" + address + "/":                                     {"connect", "start the server"},
		"http://no-such-host.invalid/":                                {"name", "check the spelling"},
		"http+unix://" + filepath.Join(t.TempDir(), "x.sock") + "/fn": {"connect", "the socket appears"},
	} {
		r := run(t, check.Options{Endpoint: endpoint.Config{URL: url}})
		want(t, r, check.Failed, c.check, c.part)
		if r.Reached {
			t.Errorf("%s: reached", url)
		}
	}
}

// raw accepts connections and answers each request with the same bytes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1)
			if _, err := c.Read(b); err == nil {
				_, _ = io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String() + "/"
}

func TestNotHTTP(t *testing.T) {
	t.Parallel()
	for answer, part := range map[string]string{
		"\x15\x03\x01\x00\x02\x02\x50": "https in the URL",
		"SSH-2.0-OpenSSH\r\n":          "does not speak HTTP/1.1",
		"":                             "closed the connection",
	} {
		r := run(t, check.Options{Endpoint: endpoint.Config{URL: raw(t, answer)}})
		want(t, r, check.Failed, "post", part)
		if r.Reached {
			t.Errorf("%q: reached", answer)
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := start(t, &server{http: func(http.ResponseWriter, *http.Request, []byte) bool { <-release; return false }})
	t.Cleanup(func() { close(release) })
	o.Timeout = 2 * time.Second // for the requests before, too, which are answered
	want(t, run(t, o), check.Failed, "handshake", "in time", "--timeout")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	o.Timeout = time.Minute
	o.Found = func(f check.Finding) {
		if f.Check == "get" {
			cancel(stop)
		}
	}
	if r, err := check.Run(ctx, o); !errors.Is(err, stop) {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(&server{})
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(s.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	o := check.Options{Endpoint: endpoint.Config{URL: s.URL, TLS: endpoint.TLS{TrustCACerts: ca, VerifyHostname: endpoint.HostnameVerified}}, Function: counterType, Message: text("m")}
	r := run(t, o)
	want(t, r, check.OK, "tls", "TLS 1.3", "for the host 127.0.0.1")
	want(t, r, check.OK, "batch")
	o.Endpoint.TLS.VerifyHostname = endpoint.HostnameUnverified // COMPAT 49
	want(t, run(t, o), check.Note, "tls", "not verified here, and would do")
	o.Endpoint.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	want(t, run(t, o), check.Note, "tls", "not verified here, and would not do")
	o.Endpoint.TLS.VerifyHostname = endpoint.HostnameVerified
	want(t, run(t, o), check.Failed, "tls", "verifyHostname: false")
	o.Endpoint.TLS.TrustCACerts, o.Endpoint.URL = "", s.URL
	want(t, run(t, o), check.Failed, "tls", "trust_cacerts")
	o.Endpoint.URL = strings.Replace(start(t, &server{}).Endpoint.URL, "http:", "https:", 1)
	want(t, run(t, o), check.Failed, "tls", "speaks no TLS")
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fn.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: &server{}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	o := check.Options{Endpoint: endpoint.Config{URL: "http+unix://" + path + "/statefun"}, Function: counterType, Message: text("m")}
	r := run(t, o)
	want(t, r, check.OK, "connect", path)
	want(t, r, check.OK, "batch")
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
