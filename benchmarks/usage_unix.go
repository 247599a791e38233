//go:build unix

package benchmarks

import (
	"time"

	"golang.org/x/sys/unix"
)

// ProcessTime is the time that the cores have spent on this process.
func ProcessTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
