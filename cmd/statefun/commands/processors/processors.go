// Package processors gives Go's scheduler what a process that runs a node needs.
package processors

import (
	"os"
	"runtime"
	"sync"
)

// spare processors are for goroutines that wait for the disk, one for the log and
// one for the tables. Such a one keeps its processor: a sync of 0.2 ms is over
// before the scheduler takes it away. Without them a core stands still meanwhile.
const spare = 2

// Spare gives Go more processors (GOMAXPROCS) than there are cores, unless
// whoever started the process has set their number. It returns how many there
// were, which is the number of loops to run grains with, and what undoes it.
//
// It may be called for several nodes of a process: the number is the same for all.
func Spare() (cores int, undo func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return runtime.GOMAXPROCS(0), func() {}
	}
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.users == 0 {
		process.cores = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(process.cores + spare)
	}
	process.users++
	return process.cores, unspare
}

func unspare() {
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.users--; process.users == 0 {
		runtime.GOMAXPROCS(process.cores)
	}
}

// process is who has spare processors: their number is the process's, too.
var process struct {
	mu    sync.Mutex
	users int
	cores int
}
