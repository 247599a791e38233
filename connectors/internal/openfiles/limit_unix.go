//go:build unix

package openfiles

import (
	"math"
	"syscall"
)

// limit is how many files the process may have open. Go raises it at the start to what
// the process is allowed to.
func limit() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return math.MaxUint64
	}
	return uint64(l.Cur) //nolint:unconvert // it is signed on some systems
}
