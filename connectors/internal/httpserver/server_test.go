package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
)

func serve(t *testing.T, address string) (*Server, error) {
	t.Helper()
	s := New()
	t.Cleanup(func() { s.Close(context.Background()) })
	return s, s.Start(t.Context(), Options{
		Name: "test", Environment: environment.Memory(), Address: address, AddressFrom: "--port",
	}, func(*Guard) http.Handler { return http.NotFoundHandler() })
}

// A listener that breaks is told to who waits for it.
func TestFailed(t *testing.T) {
	t.Parallel()
	s, err := serve(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Failed():
		if err == nil {
			t.Error("no reason")
		}
	case <-time.After(10 * time.Second):
		t.Error("not told")
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	first, err := serve(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		first.Addr().String(): "Choose another address with --port",
		"0.0.0.0:0":           "is not a loopback address",
		"127.0.0.1":           "expected HOST:PORT",
	} {
		if s, err := serve(t, address); err == nil || !strings.Contains(err.Error(), "test: ") || !strings.Contains(err.Error(), want) || s.Addr() != nil {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}

// A handler that does not end is not waited for, and no reason not to be closed.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"net/http": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"plain":    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, end := make(chan struct{}), make(chan struct{})
			defer close(end)
			s := New()
			if err := s.Start(t.Context(), Options{
				Name: "test", Environment: environment.Real(), Address: "127.0.0.1:0", Plain: func(string) bool { return true },
			}, func(*Guard) http.Handler {
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(begun); <-end })
			}); err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			<-begun
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if err := s.Close(ctx); err != nil || time.Since(began) > 5*time.Second {
				t.Errorf("closed after %v: %v", time.Since(began), err)
			}
			if b, err := io.ReadAll(c); len(b) > 0 {
				t.Errorf("found %q, %v", b, err)
			}
		})
	}
}
