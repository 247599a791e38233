package check

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/statefun-go/statefun/connectors/endpoint"
)

// client makes requests of the checks' own, so that they see all of an answer.
type client struct {
	door      *endpoint.Door
	timeout   time.Duration
	transport *http.Transport
}

// maxHead bounds the head of an answer.
const maxHead = 64 << 10

func newClient(door *endpoint.Door, addresses []string, timeout time.Duration) *client {
	dial := func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		for _, a := range addresses {
			if conn, err = new(net.Dialer).DialContext(ctx, door.Network, a); err == nil {
				break
			}
		}
		return conn, err
	}
	return &client{door, timeout, &http.Transport{
		DialContext: dial, TLSClientConfig: door.TLS, DisableCompression: true, MaxResponseHeaderBytes: maxHead,
		ForceAttemptHTTP2: door.Profile == endpoint.OkHTTP, MaxIdleConnsPerHost: 1,
	}}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// reply is an answer, or why there is none.
type reply struct {
	err    error
	status int
	reason string
	header http.Header
	body   []byte // decompressed
	coding string // of the body as it came, "" if it was plain
	reused bool   // the connection had carried a request before
	took   time.Duration
}

// do makes a request. It does not follow redirects.
func (c *client) do(ctx context.Context, method string, body []byte) *reply {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r := &reply{}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { r.reused = i.Reused }})
	q, err := http.NewRequestWithContext(ctx, method, c.door.URL.String(), bytes.NewReader(body))
	if err != nil {
		r.err = bare(err)
		return r
	}
	q.Header = c.door.Header.Clone()
	q.Host = q.Header.Get("Host")
	q.Header.Del("Host")
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	resp, err := c.transport.RoundTrip(q)
	if err != nil {
		r.err = bare(err)
		return r
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	r.status, r.header = resp.StatusCode, resp.Header
	r.reason = strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)))
	if r.body, err = readAtMost(resp.Body, c.door.MaxPayloadBytes); err == nil {
		err = r.decompress(c.door.MaxPayloadBytes)
	}
	r.err = err
	return r
}

// bare is err without the URL that net/http repeats in it, which may have secrets.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

var (
	errTooLarge   = errors.New("the answer is too large")
	errNotEncoded = errors.New("the answer is not in its Content-Encoding")
)

func readAtMost(from io.Reader, most int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	if err == nil && len(b) > most {
		return nil, fmt.Errorf("%w: more than payload_max_bytes, %d", errTooLarge, most)
	}
	return b, err
}

// codingError is a content encoding that the runtime does not understand.
type codingError struct{ found string }

func (e *codingError) Error() string {
	return fmt.Sprintf("the answer has the Content-Encoding %q, expected gzip, deflate or none", e.found)
}

func (r *reply) decompress(most int) error {
	coding := strings.ToLower(strings.Join(r.header.Values("Content-Encoding"), ", "))
	var plain io.Reader
	var err error
	switch coding {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		plain, err = gzip.NewReader(bytes.NewReader(r.body))
	case "deflate":
		// Servers send both that RFC 9110 means, and that without its frame.
		if plain, err = zlib.NewReader(bytes.NewReader(r.body)); err != nil {
			plain, err = flate.NewReader(bytes.NewReader(r.body)), nil
		}
	default:
		return &codingError{coding}
	}
	if err == nil {
		r.body, err = readAtMost(plain, most)
	}
	if err != nil {
		return fmt.Errorf("%w, %s: %w", errNotEncoded, coding, err)
	}
	r.coding = coding
	return nil
}
