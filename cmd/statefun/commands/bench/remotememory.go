package bench

import (
	"time"

	"github.com/statefun-go/statefun/benchmarks"
)

// residentWatch looks now and then at the memory of this process and of a server.
type residentWatch struct {
	stop, stopped chan struct{}
	own, server   uint64 // at most
}

const residentEvery = 20 * time.Millisecond

func watchResident(server *functionServer) *residentWatch {
	w := &residentWatch{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		often := time.NewTicker(residentEvery)
		defer often.Stop()
		for {
			w.own, w.server = max(w.own, benchmarks.ResidentBytes()), max(w.server, server.resident())
			select {
			case <-often.C:
			case <-w.stop:
				return
			}
		}
	}()
	return w
}

// end returns the most that each had.
func (w *residentWatch) end() (own, server uint64) {
	close(w.stop)
	<-w.stopped
	return w.own, w.server
}
