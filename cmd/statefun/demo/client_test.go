package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/generator"
)

func newGenerator(t *testing.T, accounts int) *generator.Generator {
	t.Helper()
	g, err := generator.New(generator.Config{Seed: 1, Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// door is an HTTP door that answers as told, one answer after the other; the last
// one for ever.
func door(t *testing.T, answers ...string) (*client, *atomic.Int64) {
	t.Helper()
	var requests, retries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		if r.Header.Get("Idempotency-Key") != "1-7" || r.Method != http.MethodPost {
			t.Errorf("%s with key %q", r.Method, r.Header.Get("Idempotency-Key"))
		}
		status, body, _ := strings.Cut(answers[min(int(n), len(answers))-1], " ")
		switch status {
		case "drop":
			panic(http.ErrAbortHandler)
		case "429":
			w.Header().Set("Retry-After", "0")
		}
		w.WriteHeader(map[string]int{"200": 200, "202": 202, "400": 400, "422": 422, "429": 429, "500": 500, "503": 503, "504": 504}[status])
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	c := newClient(s.URL, 4, func() { retries.Add(1) })
	t.Cleanup(c.close)
	return c, &retries
}

func TestTransaction(t *testing.T) {
	t.Parallel()
	const verdict = `200 {"transaction":"1-7","fraudProbability":0.5,"alert":true}`
	for _, c := range []struct {
		answers  []string
		answered bool
		err      string
	}{
		{[]string{verdict}, true, ""},
		{[]string{"drop", "503 stopping", "429 too much", "500 strange", "504 not done in time; it may still be", verdict}, true, ""},
		{[]string{`504 {"error":"no reply within 15s; the message stays accepted"}`}, false, ""},
		{[]string{`500 {"error":"the message was quarantined: panic"}`}, false, ""},
		{[]string{"422 another body"}, false, "the node refuses: 422 Unprocessable Entity: another body"},
		{[]string{"503 stopping", "400 bad"}, false, "the node refuses: 400 Bad Request: bad"},
		{[]string{`200 {"transaction":"1-8"}`}, false, `is about "1-8"`},
		{[]string{"200 {"}, false, "verdict on 1-7"},
	} {
		client, retries := door(t, c.answers...)
		o, err := client.transaction(t.Context(), newGenerator(t, 10).At(7))
		if o.answered != c.answered || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: got %+v, %v", c.answers, o, err)
		}
		if o.answered && !o.verdict.Alert {
			t.Errorf("%q: got %+v", c.answers, o)
		}
		if got := int(retries.Load()); got != len(c.answers)-1 {
			t.Errorf("%q: %d retries", c.answers, got)
		}
	}
}

func TestTransactionGivesUp(t *testing.T) {
	t.Parallel()
	c, _ := door(t, "503 stopping")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.transaction(ctx, newGenerator(t, 10).At(7)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": longestPause, "x": longestPause, "-1": longestPause, "3": 3 * time.Second, "9999": time.Minute} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// unreliable accepts, but does not always say so.
type unreliable struct {
	mu       sync.Mutex
	requests int
	accepted map[string]int // by path and key
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	u.requests++
	n := u.requests
	key := r.Header.Get("Idempotency-Key")
	if n%5 != 0 {
		u.accepted[r.URL.Path+" "+key]++
	}
	u.mu.Unlock()
	switch {
	case n%5 == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	case n%7 == 0:
		panic(http.ErrAbortHandler)
	case r.URL.RawQuery == "":
		w.WriteHeader(http.StatusAccepted)
	default:
		_, _ = io.WriteString(w, `{"transaction":"`+key+`"}`)
	}
}

// The load sends every position until it is accepted, and each confirmation.
func TestLoad(t *testing.T) {
	t.Parallel()
	u := &unreliable{accepted: map[string]int{}}
	s := httptest.NewServer(u)
	defer s.Close()
	p := newPositions(notesPath(t.TempDir()), notes{Accounts: 10, Settled: 3, Reserved: 40}, 64)
	l := newLoad(s.URL, newGenerator(t, 10), p, 2000)
	stop, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := l.run(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	accepted, unsettled := p.accepted()
	if unsettled != 0 || accepted != p.end() || accepted < 40 {
		t.Fatalf("%d accepted, %d unsettled, end %d", accepted, unsettled, p.end())
	}
	for position := uint64(3); position < accepted; position++ {
		e := l.generator.At(position)
		if u.accepted["/fraud/transaction/"+e.ID+" "+e.ID] == 0 {
			t.Errorf("%s was not accepted", e.ID)
		}
		if got := u.accepted["/fraud/count/"+e.Transaction.Account+" "+e.ID] > 0; got != e.Confirmed {
			t.Errorf("%s: confirmation accepted: %t, want %t", e.ID, got, e.Confirmed)
		}
	}
	c, recent := l.snapshot()
	if c.accepted != accepted-3 || c.again != 37 || c.answered != c.accepted || recent.total != c.accepted-c.again || c.retries == 0 {
		t.Errorf("counted %+v, and %d latencies", c, recent.total)
	}
}

// What the node refuses ends the load.
func TestLoadIsRefused(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }))
	defer s.Close()
	p := newPositions(notesPath(t.TempDir()), notes{Accounts: 10, Reserved: 2}, 64)
	l := newLoad(s.URL, newGenerator(t, 10), p, 100)
	if err := l.run(t.Context(), t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("got %v", err)
	}
}

// Without notes nothing may be sent.
func TestLoadWithoutADisk(t *testing.T) {
	t.Parallel()
	p := newPositions(notesPath(filepath.Join(t.TempDir(), "missing")), notes{Accounts: 10}, 64)
	l := newLoad("http://127.0.0.1:1", newGenerator(t, 10), p, 100)
	if err := l.run(t.Context(), t.Context()); !errors.Is(err, os.ErrNotExist) || p.end() != 0 {
		t.Errorf("got %v, sent %d", err, p.end())
	}
}

// When work ends, so does the load; what is in flight then is not settled.
func TestLoadEndsWithItsWork(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer s.Close()
	path := notesPath(t.TempDir())
	p := newPositions(path, notes{Accounts: 10}, 64)
	l := newLoad(s.URL, newGenerator(t, 10), p, 5000)
	work, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := l.run(work, t.Context()); err != nil {
		t.Fatal(err)
	}
	accepted, unsettled := p.accepted()
	if accepted != 0 || unsettled == 0 || unsettled > maxUnderWay {
		t.Errorf("%d accepted, %d unsettled", accepted, unsettled)
	}
	if n := mustRead(t, path); n.Settled != 0 || n.Reserved != unsettled {
		t.Errorf("noted %+v, unsettled %d", n, unsettled)
	}
}
