package endpoint

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// COMPAT 45: payload_max_bytes, whatever the framing.
func TestPayloadMaxBytes(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Fscan(r.Body, &n)
		w.Header().Set("Content-Type", octetStream)
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		block := bytes.Repeat([]byte("x"), 1<<20)
		for ; n > 0; n -= len(block) {
			if _, err := w.Write(block[:min(n, len(block))]); err != nil {
				return
			}
		}
	})
	for _, p := range bothProfiles {
		for _, path := range []string{"/length", "/chunks"} {
			t.Run(p.String()+path, func(t *testing.T) {
				t.Parallel()
				e := open(t, Config{URL: url + path, Profile: p})
				for _, n := range []int{31 << 20} {
					if b, err := call(t, e, fmt.Sprint(n)); err != nil || len(b) != n {
						t.Errorf("got %d bytes, %v; want %d", len(b), err, n)
					}
				}
				for _, n := range []int{33 << 20} {
					_, err := call(t, e, fmt.Sprint(n))
					f, ok := err.(*Failure) //nolint:errorlint // it is not wrapped
					if !ok || f.Kind != ResponseTooLarge || f.Retry != (p == Async) || !f.Reached || !strings.Contains(f.Error(), "more than payload_max_bytes, 33554432") {
						t.Errorf("got %v", err)
					}
				}
				if b, err := call(t, e, "1"); err != nil || b != "x" {
					t.Errorf("got %q, %v", b, err)
				}
			})
		}
	}
}

// COMPAT 46: compressed responses, and bombs.
func TestCompressedResponses(t *testing.T) {
	t.Parallel()
	pack := map[string]func(w io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"Deflate": func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 9); return f }, // what many servers send
	}
	const limit = 10_000
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		coding := r.URL.Path[1:]
		var n int
		_, _ = fmt.Fscan(r.Body, &n)
		w.Header().Set("Content-Type", octetStream)
		w.Header().Set("Content-Encoding", coding)
		if n == 0 {
			return
		}
		z := pack[coding](w)
		_, _ = io.WriteString(z, strings.Repeat("x", n))
		z.Close()
	})
	for _, p := range bothProfiles {
		for coding := range pack {
			e := open(t, Config{URL: url + "/" + coding, Profile: p, MaxPayloadBytes: limit, Read: time.Minute})
			for _, n := range []int{0, 1, 5000, limit} {
				mustCall(t, e, fmt.Sprint(n), strings.Repeat("x", n))
			}
			for _, n := range []int{limit + 1, 1 << 20} {
				_, err := call(t, e, fmt.Sprint(n))
				if f, ok := err.(*Failure); !ok || f.Kind != ResponseTooLarge { //nolint:errorlint // it is not wrapped
					t.Errorf("%s: got %v", coding, err)
				}
			}
		}
	}
	// A failure's text may be compressed, too.
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusInternalServerError)
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "division by zero")
		z.Close()
	})
	for _, p := range bothProfiles {
		mustFail(t, open(t, Config{URL: broken, Profile: p}), Status, `the server says "division by zero"`)
	}
}

func TestMaxHeaderBytes(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Fscan(r.Body, &n)
		w.Header().Set("X", strings.Repeat("x", n))
		octets(w, "ok")
	})
	for _, p := range bothProfiles {
		e := open(t, Config{URL: url, Profile: p})
		mustCall(t, e, "60000", "ok")
		if _, err := call(t, e, "70000"); err == nil || p == Async && !strings.Contains(err.Error(), "the head of the response has more than 65536 bytes") {
			t.Errorf("got %v", err)
		}
		mustCall(t, e, "1", "ok")
	}
}
