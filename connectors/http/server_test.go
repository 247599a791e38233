package http

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	var restoring atomic.Bool
	n := start(t, func(_ *actors.Options, o *Options) {
		o.Ready = func() error {
			if restoring.Load() {
				return errors.New("restoring")
			}
			return nil
		}
	})
	n.do("GET", "/healthz", "").expect(t, 200, "ok")
	n.do("GET", "/readyz", "").expect(t, 200, "ok")
	n.do("HEAD", "/readyz", "").expect(t, 200)
	restoring.Store(true)
	n.do("GET", "/healthz", "").expect(t, 200)
	n.do("GET", "/readyz", "").expect(t, 503, "not ready: restoring")
}

func TestCloseWaitsForCalls(t *testing.T) {
	t.Parallel()
	n := start(t)
	var call sync.WaitGroup
	call.Go(func() { n.call("/test/slow/x", functions.Int64.Of(3)).expectInt(t, 3) })
	eventually(t, "the call", func() bool { return n.engine.Metrics().Sends == 1 })
	closed, address := make(chan error), n.server.Addr().String()
	go func() { closed <- n.server.Close(context.Background()) }()
	eventually(t, "the door to close", func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		return err != nil || c.Close() != nil
	})
	n.open()
	call.Wait()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCloseGivesUpOnCalls(t *testing.T) {
	t.Parallel()
	n := start(t)
	var call sync.WaitGroup
	call.Go(func() {
		n.call("/test/silent/x", functions.Int64.Of(3)).expect(t, 503, "the node is stopping")
	})
	eventually(t, "the call", func() bool { return n.engine.Metrics().Sends == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := n.server.Close(ctx); err != nil {
		t.Error(err)
	}
	call.Wait()
}

func TestCloseAtAnyTime(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if s.Addr() != nil || s.URL() != "" {
		t.Errorf("%v, %q before Start", s.Addr(), s.URL())
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	n := start(t)
	if err := n.server.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	for range 2 {
		if err := n.server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if _, err := n.try(http.MethodGet, "/healthz", ""); err == nil {
		t.Error("answered after Close")
	}
}
