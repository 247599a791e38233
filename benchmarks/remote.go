package benchmarks

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

// RemoteConfig says which requests RemoteCalls makes. URL and Bodies are required.
type RemoteConfig struct {
	// URL is the function server's, of http.
	URL string
	// Bodies are what is sent, drawn at random: encoded batches of invocations, say.
	Bodies [][]byte
	// Connections are kept alive, each with one request under way at a time.
	// Defaults to 64.
	Connections int
	// Warmup is how long requests are made before anything is counted. Defaults to
	// 1 second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// RemoteCalls makes POST requests of octets to a function server, and expects each to
// be answered 200.
//
// It is the limit of whatever calls remote functions on the same cores as their server:
// a goroutine and a connection for each request under way, bytes that were prepared before,
// no header that is not needed, and of an answer nothing is looked at but where it ends.
// Time-outs, retries and other servers' ways are left out, as no runtime can.
func RemoteCalls(ctx context.Context, cfg RemoteConfig) (HTTPResult, error) {
	u, err := cfg.validate()
	if err != nil {
		return HTTPResult{}, err
	}
	requests := make([][]byte, len(cfg.Bodies))
	for i, body := range cfg.Bodies {
		head := "POST " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n"
		requests[i] = append([]byte(head), body...)
	}
	address := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))
	return sendAll(ctx, address, cfg.Connections, requests, (*sender).receiveOK, cfg.Warmup, cfg.Duration)
}

// validate fills in the defaults.
func (c *RemoteConfig) validate() (*url.URL, error) {
	c.Connections = cmp.Or(c.Connections, 64)
	c.Warmup = cmp.Or(c.Warmup, time.Second)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("benchmarks: URL: %w", err)
	case u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("benchmarks: URL: expected http://HOST[:PORT]/PATH, found %q", c.URL)
	case len(c.Bodies) == 0:
		return nil, errors.New("benchmarks: Bodies: expected at least one, found none")
	case c.Connections < 0:
		return nil, fmt.Errorf("benchmarks: Connections: %d is negative", c.Connections)
	case c.Warmup < 0 || c.Duration < 0:
		return nil, fmt.Errorf("benchmarks: Warmup %v, Duration %v: negative", c.Warmup, c.Duration)
	}
	return u, nil
}

var (
	answeredOK    = []byte("HTTP/1.1 200 ")
	contentLength = []byte("content-length:")
	lineEnd       = []byte("\r\n")
)

// receiveOK waits for the whole of an answer 200.
func (s *sender) receiveOK() error {
	n, end := 0, -1
	for end < 0 {
		more, err := s.conn.Read(s.answer[n:])
		n += more
		end = bytes.Index(s.answer[:n], emptyEnd)
		switch {
		case end >= 0:
		case err != nil:
			return err
		case n == len(s.answer):
			return fmt.Errorf("expected a head of less than %d bytes", n)
		}
	}
	head, rest := s.answer[:end+len(lineEnd)], s.answer[end+len(emptyEnd):n]
	if !bytes.HasPrefix(head, answeredOK) {
		return fmt.Errorf("expected the answer 200, found %q", s.answer[:n])
	}
	length, found := lengthOf(head)
	if !found {
		return s.receiveChunks(rest)
	}
	for left := length - len(rest); left != 0; {
		if left < 0 {
			return fmt.Errorf("expected an answer of %d bytes, found %d more", length, -left)
		}
		more, err := s.conn.Read(s.answer[:min(left, len(s.answer))])
		left -= more
		if err != nil && left > 0 {
			return err
		}
	}
	return nil
}

// lengthOf is the Content-Length of a head.
func lengthOf(head []byte) (length int, found bool) {
	for line := range bytes.SplitSeq(head, lineEnd) {
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			n, err := strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):])))
			return n, err == nil
		}
	}
	return 0, false
}

// receiveChunks reads an answer without a length, which net/http's server sends if it
// is large.
func (s *sender) receiveChunks(rest []byte) error {
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(rest), s.conn))
	if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(r)); err != nil {
		return err
	}
	var end [2]byte
	if _, err := io.ReadFull(r, end[:]); err != nil || !bytes.Equal(end[:], lineEnd) || r.Buffered() > 0 {
		return fmt.Errorf("expected the end of a chunked answer, found %q, %w", end, err)
	}
	return nil
}
