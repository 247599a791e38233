package openfiles

import (
	"errors"
	"math"
	"net"
	"testing"
)

func TestShare(t *testing.T) {
	t.Parallel()
	for limit, want := range map[uint64]int{
		0: 0, 100: 25, 1024: 256, 2000: 500, 3000: 750, 4000: 1000, 4096: 1048, 65536: 31768, 1 << 40: mostPlaces, math.MaxUint64: mostPlaces,
	} {
		if got := share(limit); got != want {
			t.Errorf("of %d files: %d, want %d", limit, got, want)
		}
	}
	if got := limit(); got == 0 {
		t.Errorf("this process may have %d files open", got)
	}
}

// A connection over the limit is accepted when one before it has ended, and no place is
// lost.
func TestListen(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := New(2)
	l := Listen(inner, p)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			accepted <- c
		}
	}()
	dial := func() {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	for range 3 {
		dial()
	}
	first, second := <-accepted, <-accepted
	if p.Take() {
		t.Error("there is a third place")
	}
	select {
	case <-accepted:
		t.Error("a third connection was accepted")
	default:
	}
	first.Close()
	first.Close() // which gives no second place
	third := <-accepted
	if p.Take() {
		t.Error("there is a place too much")
	}
	second.Close()
	third.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for range accepted {
		t.Error("a connection after the end")
	}
	for range 2 {
		if !p.Take() {
			t.Fatal("a place was lost")
		}
	}
	// Who waits for a place when the listener is closed is told so.
	l = Listen(inner, p)
	end := make(chan error)
	go func() {
		_, err := l.Accept()
		end <- err
	}()
	_ = l.Close()
	if err := <-end; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
