//go:build e2e

package limits

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/collector"
	"github.com/statefun-go/statefun/functions"
)

// child is the process that is measured: a node as `run` sets it up, and the
// load that is put on it.
type child struct {
	task
	began time.Time
	node  *statefun.Node
	cpu   float64 // at the end of the last stage

	mu sync.Mutex
}

// stage tells how long a part took, on the clock and on all processors, and what
// the process has in memory.
func (c *child) stage(name string, began time.Time) {
	c.say(name, time.Since(began).Seconds())
	cpu := cpuSeconds()
	c.say(name+": cpu", cpu-c.cpu)
	c.cpu = cpu
	c.say("rss", rss("VmRSS"))
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// say tells the parent a figure.
func (c *child) say(name string, value float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Printf("%s=%g\n", name, value)
}

func (c *child) must(err error) {
	if err != nil {
		c.fail("%v", err)
	}
}

func (c *child) fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// start starts a node on the child's data directory.
func (c *child) start(config statefun.Config, fs ...functions.Function) {
	collector.Tune()
	config.DataDir, config.HTTP = c.Dir, "127.0.0.1:0"
	config.Logger = slog.New(slog.DiscardHandler)
	debug.FreeOSMemory() // a process that starts has no garbage
	started := collector.Starting()
	n, err := statefun.New(config).Register(fs...).Start(context.Background())
	started()
	c.must(err)
	c.node = n
	collector.Follow(n.Engine())
	go func() {
		if err := <-n.Failed(); err != nil {
			c.fail("the node failed: %v", err)
		}
	}()
	if path := os.Getenv("STATEFUN_LIMITS_HEAP"); path != "" {
		go c.profile(path)
	}
}

func (c *child) stop() { c.must(c.node.Close()) }

// profile writes what the heap holds every few seconds.
func (c *child) profile(path string) {
	for i := range 1000 {
		time.Sleep(2 * time.Second) //nolint:forbidigo // an observer
		f, err := os.Create(fmt.Sprintf("%s.%s.%d", path, c.Role, i))
		c.must(err)
		c.must(pprof.WriteHeapProfile(f))
		c.must(f.Close())
	}
}

// sendAll sends messages from outside and waits out overload.
func (c *child) sendAll(out []actors.Outgoing) {
	for {
		err := c.node.Engine().SendAll(context.Background(), out)
		if !errors.Is(err, actors.ErrOverloaded) {
			c.must(err)
			return
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // as a client does
	}
}

// together is how many messages one sender sends at once, senders how many send
// at the same time.
const (
	together = 1000
	senders  = 4
)

var (
	payload = functions.Bytes("limits/payload")
	count   = functions.Value("count", functions.Int64)
)

// send sends n messages from several senders; each numbers its own per address,
// from 1. The rest of 64 bytes is filled.
func (c *child) send(t functions.TypeName, n, addresses int) {
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			next := make([]uint32, min(addresses, 1_000_000)) // of more, not every number counts
			at := s * addresses / senders
			for left := n / senders; left > 0; {
				out := make([]actors.Outgoing, 0, together)
				for ; left > 0 && len(out) < together; left-- {
					at = (at + 1) % addresses
					n := at % len(next)
					next[n]++
					out = append(out, actors.Outgoing{To: address(t, at), Message: numbered(s, next[n])})
				}
				c.sendAll(out)
			}
		})
	}
	wg.Wait()
}

func address(t functions.TypeName, i int) functions.Address { return t.At(fmt.Sprint(i)) }

func numbered(sender int, n uint32) functions.Message {
	b := make([]byte, 64)
	b[0] = byte(sender)
	binary.BigEndian.PutUint32(b[1:], n)
	return functions.Message{Type: payload.Name(), Value: b}
}

// settle waits until the node has nothing to do, and tells how long it took.
func (c *child) settle() { c.must(c.node.Idle(context.Background())) }

// liveHeap is what lives on the heap but for the tables' caches, which without cgo
// are there, too.
func (c *child) liveHeap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) - float64(c.node.Metrics().Journal.Tables.MemoryBytes)
}

// cpuProfile records where the time goes until what it returns is called.
func cpuProfile(path string) func() {
	f, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		panic(err)
	}
	return pprof.StopCPUProfile
}
