//go:build e2e

package limits

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// A million messages wait at 10,000 addresses for a server that is not there. Memory is
// bounded, functions elsewhere do not notice, and when the server comes everything is
// handled, in order.
func TestDeadEndpoint(t *testing.T) {
	p := launch(t, task{Role: "dead endpoint", Dir: t.TempDir(), Messages: scaled(t, 300_000, 1_000_000), Addresses: scaled(t, 10_000, 10_000)})
	p.ends(most)
	// The machine may be quicker at one end of the minute than at the other.
	quiet := min(p.said["messages/s before"], p.said["messages/s after"])
	if beside := p.said["messages/s beside"]; beside < 0.8*quiet {
		t.Errorf("%.0f messages/s beside a dead endpoint, %.0f without one", beside, quiet)
	}
	if tries := p.said["connections in 30 s"]; tries > 300 {
		t.Errorf("%.0f connections in 30 s to a server that is not there", tries)
	}
}

// One of ten endpoints takes a second for each answer. The others lose less than a tenth.
func TestSlowEndpoint(t *testing.T) {
	p := launch(t, task{Role: "slow endpoint", Dir: t.TempDir(), Messages: scaled(t, 300_000, 1_000_000), Addresses: 200}) // and as many connections to each endpoint, at both ends
	p.ends(most)
	if quick, beside := p.said["seconds, all quick"], p.said["seconds, one slow"]; beside > quick/0.9 {
		t.Errorf("%.2f s beside a slow endpoint, %.2f s without one", beside, quick)
	}
}

// stub is a function server that checks the order of what it gets.
type stub struct {
	http.Server
	slow    atomic.Bool
	handled atomic.Int64
	wrong   atomic.Int64
	twice   atomic.Int64

	mu       sync.Mutex
	decoders sync.Pool
	last     map[string]*[senders]uint32 // by address
}

func newStub() *stub {
	s := &stub{last: map[string]*[senders]uint32{}}
	s.decoders.New = func() any { return new(protocol.Decoder) }
	s.Handler = http.HandlerFunc(s.answer)
	return s
}

func (s *stub) answer(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d := s.decoders.Get().(*protocol.Decoder)
	defer s.decoders.Put(d)
	var in protocol.ToFunction
	if err := d.ToFunction(b, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.slow.Load() {
		time.Sleep(time.Second) //nolint:forbidigo // that is what it is for
	}
	s.note(&in.Invocation)
	w.Header().Set("Content-Type", protocol.ContentType)
}

func (s *stub) note(b *protocol.InvocationBatchRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last[b.Target.ID]
	if last == nil {
		last = new([senders]uint32)
		s.last[b.Target.ID] = last
	}
	for i := range b.Invocations {
		v := b.Invocations[i].Argument.Value
		switch n := binary.BigEndian.Uint32(v[1:]); {
		case n == last[v[0]]+1:
			last[v[0]]++
			s.handled.Add(1)
		case n <= last[v[0]]: // its answer was lost
			s.twice.Add(1)
		default:
			s.wrong.Add(1)
		}
	}
}

// again prepares for senders that number anew.
func (s *stub) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.last)
	s.handled.Store(0)
}

// listen listens on loopback.
func (c *child) listen(address string) net.Listener {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	c.must(err)
	return l
}

// module writes a module file with an endpoint for each function type.
func (c *child) module(urls map[functions.TypeName]string) []string {
	var b strings.Builder
	for t, url := range urls {
		b.WriteString("kind: io.statefun.endpoints.v2/http\nspec:\n  functions: " + string(t) + "\n  urlPathTemplate: " + url + "\n---\n")
	}
	path := filepath.Join(c.Dir, "module.yaml")
	c.must(os.WriteFile(path, []byte(b.String()), 0o600))
	c.Dir = filepath.Join(c.Dir, "data")
	return []string{path}
}

const (
	deadType functions.TypeName = "limits/dead"
	fineType functions.TypeName = "limits/fine"
)

func deadEndpointRole(c *child) {
	fine, dead := newStub(), newStub()
	lFine := c.listen("127.0.0.1:0")
	go func() { _ = fine.Serve(lFine) }()
	// Who connects is hung up on before anything is said, until it is there.
	l := c.listen("127.0.0.1:0")
	gate := &gateListener{Listener: l}
	go func() { _ = dead.Serve(gate) }()
	files := c.module(map[functions.TypeName]string{
		deadType: "http://" + l.Addr().String() + "/", fineType: "http://" + lFine.Addr().String() + "/",
	})
	c.start(statefun.Config{Modules: files})
	rate := func(name string) {
		best := 0.0 // the machine is not ours alone
		for range 3 {
			began, n := time.Now(), c.Messages
			c.send(fineType, n, 1000)
			c.drained(fine, int64(n/senders*senders))
			fine.again()
			best = max(best, float64(n)/time.Since(began).Seconds())
		}
		c.say(name, best)
	}
	rate("messages/s, warm")
	rate("messages/s before")
	began := time.Now()
	c.send(deadType, c.Messages, c.Addresses)
	c.stage("sent to the dead endpoint", began)
	c.say("held", float64(c.node.Metrics().Held))
	before := gate.refused.Load()
	time.Sleep(30 * time.Second) //nolint:forbidigo // an observer; by then the backlog is where it stays
	c.say("connections in 30 s", float64(gate.refused.Load()-before))
	rate("messages/s beside")
	gate.open.Store(true)
	began = time.Now()
	c.drained(dead, int64(c.Messages/senders*senders))
	c.stage("drained", began)
	rate("messages/s after")
	c.settle()
	if n := fine.wrong.Load() + dead.wrong.Load(); n > 0 {
		c.fail("%d messages were out of order", n)
	}
	if n := c.node.Metrics().Quarantined; n > 0 {
		c.fail("%d messages are in quarantine", n)
	}
	c.stop()
}

// gateListener hangs up while it is shut.
type gateListener struct {
	net.Listener
	open    atomic.Bool
	refused atomic.Int64
}

// Accept implements net.Listener.
func (g *gateListener) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || g.open.Load() {
			return conn, err
		}
		g.refused.Add(1)
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return nil, err
		}
	}
}

// drained waits until a server has handled so many messages.
func (c *child) drained(s *stub, want int64) {
	for s.handled.Load() < want {
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // an observer
	}
}

func slowEndpointRole(c *child) {
	const endpoints = 10
	stubs, urls := make([]*stub, endpoints), map[functions.TypeName]string{}
	types := make([]functions.TypeName, endpoints)
	for i := range stubs {
		stubs[i] = newStub()
		l := c.listen("127.0.0.1:0")
		go func() { _ = stubs[i].Serve(l) }()
		types[i] = functions.TypeName("limits/f" + strconv.Itoa(i))
		urls[types[i]] = "http://" + l.Addr().String() + "/"
	}
	c.start(statefun.Config{Modules: c.module(urls)})
	round := func() float64 {
		began := time.Now()
		for i := 1; i < endpoints; i++ {
			c.send(types[i], c.Messages/endpoints, c.Addresses)
		}
		for i := 1; i < endpoints; i++ {
			c.drained(stubs[i], int64(c.Messages/endpoints/senders*senders))
			stubs[i].again()
		}
		return time.Since(began).Seconds()
	}
	round() // warm
	// In turn, as the machine is not ours alone.
	quick, slow := math.Inf(1), math.Inf(1)
	for range 4 {
		quick = min(quick, round())
		stubs[0].slow.Store(true)
		c.send(types[0], 10*c.Addresses, c.Addresses) // is under way all the while
		slow = min(slow, round())
		stubs[0].slow.Store(false)
		c.drained(stubs[0], int64(10*c.Addresses))
		stubs[0].again()
	}
	c.say("seconds, all quick", quick)
	c.say("seconds, one slow", slow)
	for i := range stubs {
		c.say("failures of endpoint "+strconv.Itoa(i), float64(c.node.Metrics().Functions[types[i]].Failures))
		c.say("handled twice by endpoint "+strconv.Itoa(i), float64(stubs[i].twice.Load()))
		if n := stubs[i].wrong.Load(); n > 0 {
			c.fail("%d messages of endpoint %d were out of order", n, i)
		}
	}
}
