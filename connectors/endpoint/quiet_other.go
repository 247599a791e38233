//go:build !unix

package endpoint

import (
	"net"
	"syscall"
)

// socketOf returns nil where sockets cannot be looked at: that a connection is dead
// shows when it is used.
func socketOf(net.Conn) syscall.RawConn { return nil }

func isQuiet(syscall.RawConn) bool { return true }
