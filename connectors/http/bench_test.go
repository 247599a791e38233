package http

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// accepting is a node that takes everything at once.
type accepting struct {
	Node
	function *functions.Function
}

func (a *accepting) Function(functions.TypeName) (*functions.Function, bool) { return a.function, true }

func (*accepting) Send(context.Context, functions.Address, functions.Message) error { return nil }

// BenchmarkSend compares a handler that does nothing with the door in front of
// nothing, and of an engine on a disk.
func BenchmarkSend(b *testing.B) {
	for _, connections := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("door=bare/connections=%d", connections), func(b *testing.B) {
			benchSend(b, connections, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
		})
		b.Run(fmt.Sprintf("door=open/connections=%d", connections), func(b *testing.B) {
			benchSend(b, connections, benchHandler(b, &accepting{function: silent()}))
		})
		b.Run(fmt.Sprintf("door=engine/connections=%d", connections), func(b *testing.B) {
			e := startEngine(b, actors.Options{
				Environment: environment.Real(), Functions: []*functions.Function{silent()},
				Journal: persistence.Options{Dir: b.TempDir()},
			})
			defer e.Close()
			benchSend(b, connections, benchHandler(b, e))
		})
	}
}

func benchHandler(b *testing.B, n Node) http.Handler {
	b.Helper()
	o := Options{Node: n}
	if err := o.validate(); err != nil {
		b.Fatal(err)
	}
	g, err := httpserver.NewGuard(&o.Access)
	if err != nil {
		b.Fatal(err)
	}
	return newHandler(&o, g)
}

// benchSend sends over connections of its own, which cost little.
func benchSend(b *testing.B, connections int, h http.Handler) {
	b.Helper()
	b.ReportAllocs()
	var limits Limits
	limits.SetDefaults()
	server := limits.HTTPServer(h, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(l) //nolint:errcheck // ends with Close
	defer server.Close()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range connections {
		n := b.N / connections
		if i < b.N%connections {
			n++
		}
		all.Go(func() { sendMany(b, l.Addr().String(), i, n) })
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func sendMany(b *testing.B, address string, id, n int) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	request := fmt.Appendf(nil, "PUT /test/silent/id-%d HTTP/1.1\r\nHost: %s\r\nContent-Type: application/vnd.test/raw\r\nContent-Length: 64\r\n\r\n%64d", id, address, id)
	r := bufio.NewReader(c)
	for range n {
		if _, err := c.Write(request); err != nil {
			b.Error(err)
			return
		}
		if err := readAccepted(r); err != nil {
			b.Error(err)
			return
		}
	}
}

func readAccepted(r *bufio.Reader) error {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
