// Package processors gives Go's scheduler what a process that runs a node needs.
package processors

import (
	"os"
	"runtime"
)

// spare processors are for goroutines that wait for the disk, one for the log and
// one for the tables. Such a one keeps its processor: a sync of 0.2 ms is over
// before the scheduler takes it away. Without them a core stands still meanwhile.
const spare = 2

// Spare gives Go more processors (GOMAXPROCS) than there are cores, unless
// whoever started the process has set their number. It returns how many there
// were, which is the number of loops to run grains with, and what undoes it.
func Spare() (cores int, undo func()) {
	cores = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") != "" {
		return cores, func() {}
	}
	runtime.GOMAXPROCS(cores + spare)
	return cores, func() { runtime.GOMAXPROCS(cores) }
}
