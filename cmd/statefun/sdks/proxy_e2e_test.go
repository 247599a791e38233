//go:build e2e

package sdks

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
)

// proxy stands before the servers of one URL, and takes turns with them.
type proxy struct {
	url     string
	servers []*server
	client  *http.Client
	spoil   spoiler
	turn    atomic.Int64
	spoiled atomic.Int64

	mu  sync.Mutex
	rng *rand.Rand
}

// spoiler answers a request in place of the server: before that got it, or after it has
// done its work.
type spoiler func(w http.ResponseWriter)

// loses breaks the connection.
func loses(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// answers500 is what an SDK says of an exception.
func answers500(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }

// oneIn is how many requests there are for one that is spoiled before, and one that is
// spoiled after the server has worked.
const oneIn = 16

// before starts a proxy. A nil spoiler spoils nothing.
func before(t *testing.T, spoil spoiler, servers ...*server) *proxy {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	p := &proxy{
		servers: servers, spoil: spoil, rng: rand.New(rand.NewPCG(rand.Uint64(), 0)),
		client: &http.Client{Transport: transport, Timeout: processtest.Patience},
	}
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	p.url = s.URL
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.spoils(w) {
		return
	}
	to := p.servers[int(p.turn.Add(1))%len(p.servers)]
	status, contentType, body, err := p.forward(r, to.url()+r.URL.Path)
	if err != nil {
		panic(http.ErrAbortHandler) // so it is for who asks
	}
	if p.spoils(w) {
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (p *proxy) spoils(w http.ResponseWriter) bool {
	if p.spoil == nil {
		return false
	}
	p.mu.Lock()
	spoiled := p.rng.IntN(oneIn) == 0
	p.mu.Unlock()
	if !spoiled {
		return false
	}
	p.spoiled.Add(1)
	p.spoil(w)
	return true
}

func (p *proxy) forward(r *http.Request, url string) (status int, contentType string, body []byte, err error) {
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, "", nil, err
	}
	response, err := p.client.Post(url, r.Header.Get("Content-Type"), bytes.NewReader(request))
	if err != nil {
		return 0, "", nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Content-Type"), body, err
}
