//go:build unix

package endpoint

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// oneshot writes a request and reads the first of its response with two system
// calls.
//
// A Read of package net tries first and waits then, so that the one after a request has
// been written always fails once. Here the write is that first try: the poller forgets
// what it knew of the socket before, so that no event of the response can be missed.
type oneshot struct {
	raw  syscall.RawConn
	out  []byte
	in   []byte
	sent int
	got  int
	err  error
	step func(fd uintptr) (done bool) // made once
}

// newOneshot returns nil if the connection is not a socket itself.
func newOneshot(c net.Conn) *oneshot {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	o := &oneshot{raw: raw}
	o.step = o.run
	return o
}

// exchange returns how much of out was written, and what was then read. It reads
// only if all was written.
func (o *oneshot) exchange(out, in []byte) (sent, got int, err error) {
	o.out, o.in, o.sent, o.got, o.err = out, in, 0, 0, nil
	err = o.raw.Read(o.step)
	sent, got = o.sent, o.got
	if o.err != nil {
		err = o.err
	}
	o.out, o.in = nil, nil
	return sent, got, err
}

func (o *oneshot) run(fd uintptr) (done bool) {
	if o.sent < len(o.out) {
		n, err := ignoringEINTR(int(fd), o.out, syscall.Write) //nolint:gosec // a file descriptor
		o.sent = max(0, n)
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			o.err = os.NewSyscallError("write", err)
		}
		return o.err != nil || o.sent < len(o.out) // else wait for the response
	}
	n, err := ignoringEINTR(int(fd), o.in, syscall.Read) //nolint:gosec // a file descriptor
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		o.err = os.NewSyscallError("read", err)
	case n == 0:
		o.err = io.EOF
	default:
		o.got = n
	}
	return true
}

func ignoringEINTR(fd int, p []byte, f func(int, []byte) (int, error)) (int, error) {
	for {
		n, err := f(fd, p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// isQuiet reports whether nothing has arrived on an idle socket, its end included.
func (o *oneshot) isQuiet() bool {
	quiet := false
	err := o.raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT) //nolint:gosec // a file descriptor
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
