package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

type lane struct {
	done    atomic.Int64
	rng     uint64
	payload []byte
	hops    int
	w       int
	_       [64]byte
}
type hop struct {
	l       *lane
	left    int
	payload []byte
}

var (
	pids  []*actor.PID
	stop  atomic.Bool
	wg    sync.WaitGroup
	inplc = flag.Bool("inplace", false, "")
	drv   = flag.Int("drivers", 0, "")
	chans []chan *lane
)

func (l *lane) next() *actor.PID {
	l.rng ^= l.rng << 13
	l.rng ^= l.rng >> 7
	l.rng ^= l.rng << 17
	return pids[(l.rng>>32)*uint64(len(pids))>>32]
}

type counter struct{ n int64 }

func (c *counter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *hop:
		c.n++
		m.left--
		l := m.l
		l.done.Add(1)
		if m.left >= 0 {
			if !*inplc {
				m = &hop{l, m.left, m.payload}
			}
			ctx.Send(l.next(), m)
			return
		}
		if *drv > 0 {
			chans[l.w] <- l
			return
		}
		if stop.Load() {
			wg.Done()
			return
		}
		if !*inplc {
			m = &hop{l, l.hops - 1, m.payload}
		} else {
			m.left = l.hops - 1
		}
		ctx.Send(l.next(), m)
	}
}

func main() {
	n := flag.Int("n", 1000, "")
	inf := flag.Int("inflight", 4096, "")
	dur := flag.Duration("d", 2*time.Second, "")
	flag.Parse()
	sys := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }))
	props := actor.PropsFromProducer(func() actor.Actor { return &counter{} })
	t := time.Now()
	for i := 0; i < *n; i++ {
		pids = append(pids, sys.Root.Spawn(props))
	}
	spawn := time.Since(t)
	runtime.GC()
	var ms0, ms1 runtime.MemStats
	lanes := make([]*lane, *inf)
	wg.Add(*inf)
	for i := range *drv {
		_ = i
		chans = append(chans, make(chan *lane, *inf))
	}
	for i := range lanes {
		l := &lane{rng: uint64(i+1) * 0x9e3779b97f4a7c15, payload: make([]byte, 64), hops: 4}
		if *drv > 0 {
			l.w = i % *drv
		}
		lanes[i] = l
		sys.Root.Send(l.next(), &hop{l, 3, l.payload})
	}
	for i := range *drv {
		go func() {
			for l := range chans[i] {
				if stop.Load() {
					wg.Done()
					continue
				}
				sys.Root.Send(l.next(), &hop{l, 3, l.payload})
			}
		}()
	}
	time.Sleep(*dur / 2)
	sum := func() (s int64) {
		for _, l := range lanes {
			s += l.done.Load()
		}
		return
	}
	runtime.ReadMemStats(&ms0)
	t0 := time.Now()
	c0 := cpu()
	s0 := sum()
	time.Sleep(*dur)
	s1 := sum()
	el := time.Since(t0)
	ce := cpu() - c0
	runtime.ReadMemStats(&ms1)
	stop.Store(true)
	wg.Wait()
	fmt.Printf("%.2f M/cpu-s (used %.1f cpus) n=%d inflight=%d inplace=%v drivers=%d: %.3f M/s, %.2f allocs/msg, spawn %v, heap %d MiB\n", float64(s1-s0)/ce.Seconds()/1e6, ce.Seconds()/el.Seconds(), *n, *inf, *inplc, *drv,
		float64(s1-s0)/el.Seconds()/1e6, float64(ms1.Mallocs-ms0.Mallocs)/float64(s1-s0), spawn, ms1.HeapAlloc>>20)
}

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
