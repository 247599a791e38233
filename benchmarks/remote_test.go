package benchmarks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func briefRemote(address string) RemoteConfig {
	return RemoteConfig{URL: "http://" + address + "/fns?x", Connections: 3, Bodies: [][]byte{[]byte("one"), []byte("three")}, Warmup: 1, Duration: 50 * time.Millisecond}
}

func TestRemoteCalls(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"short": "x", "empty": "", "chunked": strings.Repeat("x", 100_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen [6]atomic.Int64 // by length
			address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || r.Method != http.MethodPost || r.URL.String() != "/fns?x" || r.Header.Get("Content-Type") != "application/octet-stream" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				seen[len(body)].Add(1)
				_, _ = io.WriteString(w, answer)
			})
			r, err := RemoteCalls(t.Context(), briefRemote(address))
			if err != nil {
				t.Fatal(err)
			}
			one, three := seen[len("one")].Load(), seen[len("three")].Load()
			if r.All != one+three || one == 0 || three == 0 || r.Requests <= 0 || r.RequestsPerSecond <= 0 || r.Latency.P50 <= 0 {
				t.Errorf("got %+v of %d and %d", r, one, three)
			}
		})
	}
}

func TestRemoteCallsFail(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]http.HandlerFunc{
		"expected the answer 200, found \"HTTP/1.1 500 Internal Server Error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"expected a head of less than": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 5000))
		},
		"EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "x")
		},
	} {
		if _, err := RemoteCalls(t.Context(), briefRemote(serve(t, f))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := RemoteCalls(t.Context(), briefRemote("127.0.0.1:1")); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody listens: got %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg := briefRemote(serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(cause)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	if _, err := RemoteCalls(ctx, cfg); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestRemoteConfig(t *testing.T) {
	t.Parallel()
	bodies := [][]byte{nil}
	for field, cfg := range map[string]RemoteConfig{
		"URL":         {URL: "https://localhost", Bodies: bodies},
		"found \"\"":  {Bodies: bodies},
		"Bodies":      {URL: "http://localhost"},
		"Connections": {URL: "http://localhost", Bodies: bodies, Connections: -1},
		"Duration":    {URL: "http://localhost", Bodies: bodies, Duration: -1},
	} {
		if _, err := RemoteCalls(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
