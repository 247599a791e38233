package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep waits for d, exactly enough to begin something every few hundred
// microseconds: the timers of an idle Go program may be a millisecond late.
func sleep(d time.Duration) {
	left := unix.NsecToTimespec(d.Nanoseconds())
	for unix.Nanosleep(&left, &left) == unix.EINTR {
	}
}
