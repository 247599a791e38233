package httpserver

import (
	"context"
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
