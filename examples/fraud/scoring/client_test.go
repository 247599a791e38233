package scoring

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// start runs a server until the test ends, and returns a client for it.
func start(t *testing.T, cfg Config) (*Service, *Client) {
	t.Helper()
	s := service(t, cfg)
	server := NewServer("", s)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &Client{URL: server.URL(), HTTP: &http.Client{Transport: transport}}
}

func TestClient(t *testing.T) {
	t.Parallel()
	s, c := start(t, Config{Seed: 1})
	for _, merchant := range []string{"globex", "Tea & Co/100%", "日本"} {
		if got, err := c.Score(t.Context(), merchant); err != nil || got != s.Score(merchant) {
			t.Errorf("%s: got %v, %v, want %v", merchant, got, err, s.Score(merchant))
		}
	}
}

func TestClientFailures(t *testing.T) {
	t.Parallel()
	_, failing := start(t, Config{FailureShare: 1})
	if _, err := failing.Score(t.Context(), "m"); err == nil || err.Error() != "scoring: 503 Service Unavailable: out of order" {
		t.Errorf("got %v", err)
	}
	_, slow := start(t, Config{Latency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := slow.Score(ctx, "m"); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v", err)
	}
	if _, err := (&Client{URL: ":", HTTP: http.DefaultClient}).Score(t.Context(), "m"); err == nil {
		t.Error("an impossible URL is no error")
	}
}

func TestClientTrustsNothing(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                             "unexpected end of JSON",
		`{"merchant":"x","score":0.5}`: `about merchant "x"`,
		`{"merchant":"m","score":1.5}`: "not between 0 and 1",
		`{"merchant":"m","score":"1"}`: "cannot unmarshal",
		strings.Repeat(" ", 100<<10):   "unexpected end of JSON",
	} {
		w := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		_, err := (&Client{URL: w.URL, HTTP: w.Client()}).Score(t.Context(), "m")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", body, err, want)
		}
		w.Close()
	}
}

// Close does not wait for what clients wait for.
func TestServerCloses(t *testing.T) {
	t.Parallel()
	s := service(t, Config{Latency: time.Hour})
	server := NewServer("", s)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ended := make(chan error)
	go func() {
		_, err := (&Client{URL: server.URL(), HTTP: &http.Client{Transport: transport}}).Score(context.Background(), "m")
		ended <- err
	}()
	for s.Requests() == 0 {
		<-time.After(time.Millisecond)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the request succeeded")
	}
	if err := server.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := NewServer("", s).Close(); err != nil {
		t.Errorf("closing before Start: %v", err)
	}
}

func TestServerPortTaken(t *testing.T) {
	t.Parallel()
	s := service(t, Config{})
	first := NewServer("", s)
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	second := NewServer(strings.TrimPrefix(first.URL(), "http://"), s)
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
	_ = second.Close()
}
