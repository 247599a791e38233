package playground

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// refusing is a node that takes nothing.
type refusing struct{ err error }

func (r refusing) Send(context.Context, functions.Address, functions.Message) error { return r.err }

func (r refusing) SendOnce(context.Context, string, functions.Address, functions.Message) (actors.Answer, error) {
	return actors.Answer{}, r.err
}

// What the node refuses is told to clients in HTTP's words.
func TestNodeRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err        error
		status     int
		retryAfter string
	}{
		{actors.ErrOverloaded, 429, "1"},
		{actors.ErrDiskFull, 503, "5"},
		{actors.ErrClosed, 503, ""},
		{actors.ErrTooLarge, 413, ""},
	} {
		in := NewIngress(&module.PlaygroundIngress{}, Options{Environment: environment.Memory()})
		if err := in.Start(t.Context(), refusing{c.err}); err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for _, key := range []string{"", "key"} {
			r, err := http.NewRequest("PUT", in.URL()+"/a/b/c", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "text/plain")
			if key != "" {
				r.Header.Set("Idempotency-Key", key)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status || resp.Header.Get("Retry-After") != c.retryAfter {
				t.Errorf("%v: %d, Retry-After %q, want %d, %q", c.err, resp.StatusCode, resp.Header.Get("Retry-After"), c.status, c.retryAfter)
			}
		}
		if err := in.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// Many clients take each record once, and each client sees them in order.
func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	n := start(t)
	const all = 60
	for i := range all {
		n.emit(recordOf("greetings", fmt.Sprintf("%03d", i)))
	}
	var mu sync.Mutex
	var got []string
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			taken := n.takeAll("/greetings")
			if !slices.IsSorted(taken) {
				t.Errorf("out of order: %v", taken)
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, taken...)
		})
	}
	clients.Wait()
	slices.Sort(got)
	if unique := len(slices.Compact(slices.Clone(got))); len(got) != all || unique != all {
		t.Errorf("%d records, %d of them different, want %d", len(got), unique, all)
	}
}

func (n *node) takeAll(path string) []string {
	var taken []string
	for {
		r, err := n.client.Get(n.out.URL() + path)
		if err != nil {
			n.t.Error(err)
			return taken
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != 200 {
			if r.StatusCode != 204 {
				n.t.Errorf("status %d, %v", r.StatusCode, err)
			}
			return taken
		}
		taken = append(taken, string(b))
	}
}
