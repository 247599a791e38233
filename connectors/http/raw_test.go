package http

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// dial opens a connection on which a test speaks for itself.
func (n *node) dial() net.Conn {
	n.t.Helper()
	c, err := net.Dial("tcp", n.server.Addr().String())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		n.t.Fatal(err)
	}
	return c
}

// exchange writes text and reads one response.
func (n *node) exchange(text string) answer {
	n.t.Helper()
	c := n.dial()
	if _, err := io.WriteString(c, text); err != nil {
		n.t.Fatal(err)
	}
	return readAnswer(n.t, bufio.NewReader(c))
}

func readAnswer(t *testing.T, r *bufio.Reader) answer {
	t.Helper()
	request, _ := http.NewRequest("RAW", "/", nil)
	resp, err := http.ReadResponse(r, request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(b)}
}

const long = "Content-Type: application/vnd.io.statefun.types/long\r\n"

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	n := start(t)
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"no HTTP":             {"hello\r\n\r\n", 400},
		"unknown version":     {"PUT /test/counter/x HTTP/3.0\r\nHost: localhost\r\n\r\n", 505},
		"bad escape":          {"PUT /test/counter/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		"space in the path":   {"PUT /test/counter/a b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		"no path":             {"PUT test HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		"two hosts":           {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
		"no host":             {"PUT /test/counter/x HTTP/1.1\r\n\r\n", 400},
		"bad header":          {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400},
		"negative length":     {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400},
		"two lengths":         {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"unknown encoding":    {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"bad chunk":           {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"bad expectation":     {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nExpect: money\r\n\r\n", 417},
		"an asterisk":         {"PUT * HTTP/1.1\r\nHost: localhost\r\n" + long + "\r\n", 400},
		"a huge header":       {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", 431},
		"length over limit":   {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long + "Content-Length: 99999999999\r\n\r\n", 413},
		"HTTP/1.0":            {"PUT /test/counter/x HTTP/1.0\r\n" + long + "\r\n", 202},
		"absolute path":       {"PUT http://localhost/test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long + "\r\n", 202},
		"UTF-8, not encoded":  {"PUT /test/counter/ü HTTP/1.1\r\nHost: localhost\r\n" + long + "\r\n", 202},
		"bytes, not encoded":  {"PUT /test/counter/\xff HTTP/1.1\r\nHost: localhost\r\n" + long + "\r\n", 400},
		"chunks":              {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long + "Transfer-Encoding: chunked\r\n\r\n1\r\n\t\r\n8\r\n\x01\x00\x00\x00\x00\x00\x00\x00\r\n0\r\n\r\n", 202},
		"a body that is late": {"PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long + "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", 202},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a := n.exchange(c.text); a.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", a.StatusCode, c.status, a.body)
			}
		})
	}
}

func TestChunkedBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.MaxBodyBytes = 100_000 })
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 50_000, strings.Repeat("x", 50_000))
	head := "PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.test/raw\r\nTransfer-Encoding: chunked\r\n\r\n"
	n.exchange(head+chunk+chunk+"0\r\n\r\n").expect(t, 202)
	n.exchange(head+chunk+chunk+"1\r\nx\r\n0\r\n\r\n").expect(t, 413, "more than 100000 bytes")
}

// A client that announces much and sends nothing takes neither memory nor a
// place for ever.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) {
		o.ReadHeaderTimeout, o.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond
	})
	head := "PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n" + long
	for _, length := range []int{9, 50 << 20} {
		n.exchange(fmt.Sprintf("%sContent-Length: %d\r\n\r\n\t", head, length)).expect(t, 408, "did not arrive in time")
	}
	c := n.dial()
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v: want the connection closed", b, err)
	}
}

func TestTruncatedBody(t *testing.T) {
	t.Parallel()
	n := start(t)
	for _, length := range []int{9, 50 << 20} {
		c := n.dial()
		fmt.Fprintf(c, "PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n\t", long, length)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		readAnswer(t, bufio.NewReader(c)).expect(t, 400, "the body is incomplete")
	}
	n.call("/test/counter/x", functions.Int64.Of(0)).expectInt(t, 0)
}

func TestTooManyLargeBodiesAtOnce(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.MaxBodyBytes, o.MaxBodiesBytes = 1<<20, 1<<20 })
	large := raw.Of(make([]byte, 1<<20))
	var c net.Conn
	eventually(t, "a refusal", func() bool {
		// Of the two requests either may come first: again until it is the slow one.
		if c != nil {
			c.Close()
		}
		c = n.dial()
		fmt.Fprintf(c, "PUT /test/counter/x HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n", long, 1<<20)
		_, err := c.Write(make([]byte, 600_000))
		return err == nil && n.send("/test/counter/x", large).StatusCode == 429
	})
	n.send("/test/counter/x", large).expect(t, 429, "too many large requests at once").expectHeader(t, "Retry-After", "1")
	n.send("/test/counter/x", raw.Of(make([]byte, firstRead))).expect(t, 202)
	c.Close()
	eventually(t, "room", func() bool { return n.send("/test/counter/x", large).StatusCode == 202 })
}

// Requests on one connection are answered in their order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	n := start(t)
	c := n.dial()
	one := string(functions.Int64.Of(1).Value)
	for range 20 {
		fmt.Fprintf(c, "PUT /test/counter/x?call HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", long, len(one), one)
	}
	r := bufio.NewReader(c)
	for i := range 20 {
		readAnswer(t, r).expectInt(t, int64(i+1))
	}
}

// A client that goes away frees its place; its message stays accepted.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	n := start(t)
	c := n.dial()
	fmt.Fprintf(c, "PUT /test/slow/x?call HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 0\r\n\r\n", long)
	eventually(t, "the message", func() bool { return n.engine.Metrics().Sends == 1 })
	c.Close()
	// The place is free when the reply finds nobody.
	n.open()
	eventually(t, "the late reply", func() bool { m := n.engine.Metrics(); return m.LateReplies+m.Replies == 1 })
}
