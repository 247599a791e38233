package benchmarks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// HTTPConfig says which requests HTTPSends makes. Paths are required.
type HTTPConfig struct {
	// Connections are kept alive, each with one request under way at a time.
	// Defaults to 64.
	Connections int
	// Paths are what a request is sent to, drawn at random.
	Paths []string
	// ContentType of a request. Defaults to application/octet-stream.
	ContentType string
	// Body of a request. Defaults to 64 bytes.
	Body []byte
	// Warmup is how long requests are made before anything is counted. Defaults to
	// 1 second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// HTTPResult is what HTTPSends measured.
type HTTPResult struct {
	Connections int `json:"connections"`
	// Requests were answered during Elapsed, of each connection up to its last, All in
	// the whole run.
	Requests          int64         `json:"requests"`
	All               int64         `json:"all_requests"`
	Elapsed           time.Duration `json:"elapsed_ns"`
	RequestsPerSecond float64       `json:"requests_per_second"`
	Latency           Latency       `json:"latency"`
}

// String shows the result on one line.
func (r HTTPResult) String() string {
	return fmt.Sprintf("connections=%d: %.0f requests/s, %v", r.Connections, r.RequestsPerSecond, r.Latency)
}

// HTTPSends makes POST requests to a server, and expects each to be answered 202
// without a body.
//
// It is there to be run beside the server, on the same cores, so it does as little
// as a client can: requests are bytes that were prepared before, an answer is looked
// at no further than its status and its end, and nothing is allocated. net/http's
// client would take more of the machine than the server does, and whatever is compared
// would look alike. A goroutine for each connection is what the server has, too.
func HTTPSends(ctx context.Context, address string, cfg HTTPConfig) (HTTPResult, error) {
	if err := cfg.validate(); err != nil {
		return HTTPResult{}, err
	}
	return sendAll(ctx, address, cfg.Connections, cfg.requests(address), (*sender).receiveAccepted, cfg.Warmup, cfg.Duration)
}

// sendAll connects, and makes requests drawn at random of those given; receive waits for
// the answer of one.
func sendAll(ctx context.Context, address string, connections int, requests [][]byte, receive func(*sender) error, warmup, duration time.Duration) (HTTPResult, error) {
	senders := make([]*sender, connections)
	defer closeSenders(senders)
	for i := range senders {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return HTTPResult{}, fmt.Errorf("benchmarks: http: %w", err)
		}
		senders[i] = &sender{conn: conn, requests: requests, random: rand.New(rand.NewPCG(1, uint64(i))), receive: receive} //nolint:gosec // not negative
	}
	stop := context.AfterFunc(ctx, func() {
		for _, s := range senders {
			_ = s.conn.SetDeadline(time.Unix(1, 0)) // ends what waits
		}
	})
	defer stop()
	return runSenders(ctx, senders, warmup, duration)
}

func closeSenders(senders []*sender) {
	for _, s := range senders {
		if s != nil {
			_ = s.conn.Close() // every request was answered, or there is an error already
		}
	}
}

// runSenders runs all senders to their end and puts together what they measured.
func runSenders(ctx context.Context, senders []*sender, warmup, duration time.Duration) (HTTPResult, error) {
	begin := time.Now().Add(warmup)
	errs := make([]error, len(senders))
	var all sync.WaitGroup
	for i, s := range senders {
		all.Go(func() { errs[i] = s.run(begin, duration) })
	}
	all.Wait()
	r := HTTPResult{Connections: len(senders)}
	var took []time.Duration
	for _, s := range senders {
		took = append(took, s.took...)
		r.All += s.all
		r.Elapsed = max(r.Elapsed, s.elapsed)
		r.RequestsPerSecond += perSecond(len(s.took), s.elapsed)
	}
	r.Requests = int64(len(took))
	r.Latency = latencyOf(took)
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	return r, errors.Join(errs...)
}

// sender makes one request after the other on one connection.
type sender struct {
	conn     net.Conn
	requests [][]byte
	random   *rand.Rand
	receive  func(*sender) error
	answer   [4 << 10]byte
	all      int64
	took     []time.Duration // of those that count
	elapsed  time.Duration   // from the first of them to the end of the last
}

// run counts what begins after begin, for at least duration; the last one counts whole.
func (s *sender) run(begin time.Time, duration time.Duration) error {
	var first time.Time
	for s.elapsed < duration {
		start := time.Now()
		if err := s.send(); err != nil {
			return fmt.Errorf("benchmarks: http: %w", err)
		}
		s.all++
		if start.Before(begin) {
			continue
		}
		if len(s.took) == 0 {
			first = start
		}
		now := time.Now()
		s.took = append(s.took, now.Sub(start))
		s.elapsed = now.Sub(first)
	}
	return nil
}

var (
	accepted = []byte("HTTP/1.1 202 ")
	emptyEnd = []byte("\r\n\r\n")
)

// send makes a request and waits for its answer.
func (s *sender) send() error {
	if _, err := s.conn.Write(s.requests[s.random.IntN(len(s.requests))]); err != nil {
		return err
	}
	return s.receive(s)
}

// receiveAccepted waits for an answer 202 without a body.
func (s *sender) receiveAccepted() error {
	for n := 0; ; {
		more, err := s.conn.Read(s.answer[n:])
		n += more
		answer := s.answer[:n]
		switch {
		case len(answer) >= len(accepted) && !bytes.HasPrefix(answer, accepted):
			return fmt.Errorf("expected the answer 202, found %q", answer)
		case bytes.HasSuffix(answer, emptyEnd):
			return nil
		case errors.Is(err, io.EOF) || n == len(s.answer):
			return fmt.Errorf("expected an answer without a body, found %q", answer)
		case err != nil:
			return err
		}
	}
}

// requests are the bytes of a request to each path.
func (c *HTTPConfig) requests(host string) [][]byte {
	out := make([][]byte, len(c.Paths))
	for i, path := range c.Paths {
		head := "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: " + c.ContentType +
			"\r\nContent-Length: " + strconv.Itoa(len(c.Body)) + "\r\n\r\n"
		out[i] = append([]byte(head), c.Body...)
	}
	return out
}

// validate fills in the defaults.
func (c *HTTPConfig) validate() error {
	c.Connections = cmp.Or(c.Connections, 64)
	c.ContentType = cmp.Or(c.ContentType, "application/octet-stream")
	c.Warmup = cmp.Or(c.Warmup, time.Second)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	if c.Body == nil {
		c.Body = make([]byte, 64)
	}
	switch {
	case len(c.Paths) == 0:
		return errors.New("benchmarks: Paths: expected at least one, found none")
	case c.Connections < 0:
		return fmt.Errorf("benchmarks: Connections: %d is negative", c.Connections)
	case c.Warmup < 0 || c.Duration < 0:
		return fmt.Errorf("benchmarks: Warmup %v, Duration %v: negative", c.Warmup, c.Duration)
	}
	return nil
}

// BareHTTP is HTTPSends to a net/http server on loopback whose handler does nothing
// but answer 202: the limit of anything that takes messages by net/http.
func BareHTTP(ctx context.Context, cfg HTTPConfig) (HTTPResult, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return HTTPResult{}, fmt.Errorf("benchmarks: http: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	r, err := HTTPSends(ctx, l.Addr().String(), cfg)
	err = errors.Join(err, server.Close())
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("benchmarks: http: %w", ended))
	}
	return r, err
}
