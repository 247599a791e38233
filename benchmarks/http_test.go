package benchmarks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func briefHTTP() HTTPConfig {
	return HTTPConfig{Connections: 3, Paths: []string{"/a/b/1", "/a/b/2"}, ContentType: "text/x", Body: []byte("body"), Warmup: 1, Duration: 50 * time.Millisecond}
}

func TestBareHTTP(t *testing.T) {
	t.Parallel()
	r, err := BareHTTP(t.Context(), briefHTTP())
	if err != nil {
		t.Fatal(err)
	}
	if r.Connections != 3 || r.Requests <= 0 || r.All < r.Requests || r.RequestsPerSecond <= 0 || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P99 {
		t.Errorf("got %+v", r)
	}
}

// serve is a server for one test.
func serve(t *testing.T, f http.HandlerFunc) (address string) {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestHTTPSendsAreRequests(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	paths := map[string]*atomic.Int64{"/a/b/1": {}, "/a/b/2": {}}
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		n := paths[r.URL.Path]
		if err != nil || n == nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "text/x" || string(body) != "body" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		n.Add(1)
		seen.Add(1)
		w.WriteHeader(http.StatusAccepted)
	})
	r, err := HTTPSends(t.Context(), address, briefHTTP())
	if err != nil {
		t.Fatal(err)
	}
	if r.All != seen.Load() || paths["/a/b/1"].Load() == 0 || paths["/a/b/2"].Load() == 0 {
		t.Errorf("got %+v of %d", r, seen.Load())
	}
}

func TestHTTPSendsFail(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]http.HandlerFunc{
		"expected the answer 202, found \"HTTP/1.1 429 Too Many Requests": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"without a body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "accepted")
		},
		"without a body, found \"HTTP/1.1 202 Accepted\\r\\nX: xxx": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 5000))
			w.WriteHeader(http.StatusAccepted)
		},
	} {
		if _, err := HTTPSends(t.Context(), serve(t, f), briefHTTP()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := HTTPSends(t.Context(), "127.0.0.1:1", briefHTTP()); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody listens: got %v", err)
	}
}

func TestHTTPSendsEnd(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var once atomic.Bool
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if once.CompareAndSwap(false, true) {
			cancel(cause)
		}
		_, _ = io.Copy(io.Discard, r.Body) // before that a server does not see the end
		<-r.Context().Done()               // never answers
	})
	cfg := briefHTTP()
	cfg.Duration = time.Hour
	if _, err := HTTPSends(ctx, address, cfg); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]HTTPConfig{
		"Paths":       {},
		"Connections": {Paths: []string{"/"}, Connections: -1},
		"Duration":    {Paths: []string{"/"}, Duration: -1},
	} {
		if _, err := BareHTTP(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
