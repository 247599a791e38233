//go:build unix

package endpoint

import (
	"errors"
	"net"
	"syscall"
)

// socketOf returns nil if a connection is not a socket.
func socketOf(c net.Conn) syscall.RawConn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// isQuiet reports whether nothing has arrived on an idle socket, its end included.
func isQuiet(socket syscall.RawConn) bool {
	quiet := false
	err := socket.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT) //nolint:gosec // a file descriptor
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
