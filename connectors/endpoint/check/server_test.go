package check_test

import (
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

const (
	counterType functions.TypeName = "example/counter"
	textType    functions.TypeName = "example/text"
)

// text is a value of textType.
func text(s string) protocol.TypedValue {
	return protocol.TypedValue{Present: true, Typename: textType, HasValue: true, Value: []byte(s)}
}

// server is a function server by hand, with a place for every mistake. Its function
// appends an x to the state "seen" for each message, and tells another function.
type server struct {
	// answer replaces the whole answer to a request for the function.
	answer func(q *protocol.InvocationBatchRequest) protocol.FromFunction
	// spoil changes an answer that has effects.
	spoil func(r *protocol.InvocationResponse)
	// specs are the states that it misses.
	specs []protocol.PersistedValueSpec
	// http replaces what is sent. It may answer by itself.
	http func(w http.ResponseWriter, r *http.Request, body []byte) bool
	// unknown replaces the answer to a request for another function.
	unknown http.HandlerFunc
}

func seenSpec() []protocol.PersistedValueSpec {
	return []protocol.PersistedValueSpec{{StateName: "seen", TypeTypename: textType}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var m protocol.ToFunction
	if err := new(protocol.Decoder).ToFunction(body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if m.Invocation.Target.Type != counterType {
		if s.unknown != nil {
			s.unknown(w, r)
			return
		}
		http.Error(w, "no such function", http.StatusInternalServerError)
		return
	}
	answer := s.respond(&m.Invocation)
	b := answer.Append(nil)
	if s.http != nil && s.http(w, r, b) {
		return
	}
	w.Header().Set("Content-Type", protocol.ContentType)
	_, _ = w.Write(b)
}

func (s *server) respond(q *protocol.InvocationBatchRequest) protocol.FromFunction {
	if s.answer != nil {
		return s.answer(q)
	}
	specs := s.specs
	if specs == nil {
		specs = seenSpec()
	}
	if len(q.State) == 0 {
		return protocol.FromFunction{IncompleteInvocationContext: protocol.IncompleteInvocationContext{Present: true, MissingValues: specs}}
	}
	r := protocol.InvocationResponse{Present: true}
	if len(q.Invocations) == 0 {
		return protocol.FromFunction{InvocationResult: r}
	}
	seen := string(q.State[0].StateValue.Value)
	for range q.Invocations {
		seen += "x"
		r.OutgoingMessages = append(r.OutgoingMessages, protocol.OutgoingMessage{Target: functions.TypeName("example/log").At("all"), Argument: text(seen)})
	}
	r.StateMutations = []protocol.PersistedValueMutation{{MutationType: protocol.Modify, StateName: "seen", StateValue: text(seen)}}
	if s.spoil != nil {
		s.spoil(&r)
	}
	return protocol.FromFunction{InvocationResult: r}
}

// start serves until the end of the test, and returns options to check it with a
// message.
func start(t *testing.T, h http.Handler) check.Options {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(s.Close)
	return check.Options{Endpoint: endpoint.Config{URL: s.URL + "/statefun"}, Function: counterType, Message: text("hello"), Timeout: 10 * time.Second}
}

func run(t *testing.T, o check.Options) *check.Report {
	t.Helper()
	r, err := check.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if healthy := len(of(r, check.Failed)) == 0; r.Healthy != healthy {
		t.Errorf("healthy is %t, findings %+v", r.Healthy, r.Findings)
	}
	return r
}

func of(r *check.Report, o check.Outcome) (found []check.Finding) {
	for _, f := range r.Findings {
		if f.Outcome == o {
			found = append(found, f)
		}
	}
	return found
}

// want checks that there is a finding of the outcome, and nothing of a worse one; and
// that parts are in what it says.
func want(t *testing.T, r *check.Report, o check.Outcome, name string, parts ...string) {
	t.Helper()
	for _, f := range of(r, o) {
		if f.Check != name {
			continue
		}
		whole := f.What + " → " + f.Advice
		for _, p := range parts {
			if !strings.Contains(whole, p) {
				t.Errorf("%s: no %q in\n%s", name, p, whole)
			}
		}
		if f.Advice == "" && o == check.Failed {
			t.Errorf("%s: nothing to do about %s", name, f.What)
		}
		if failed := of(r, check.Failed); o != check.Failed && len(failed) > 0 {
			t.Errorf("%s: also failed: %+v", name, failed)
		}
		return
	}
	t.Errorf("no %s finding %q in %+v", o, name, r.Findings)
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
