package plainhttp

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

var notPlainRequests = []string{
	"",
	"GET /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a/b/c HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST  /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a/b/c  HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a/b/c HTTP/1.1 \r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"post /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST http://localhost/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a?b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a%20b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a#b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /ü HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: localhost\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n",
	"POST /a HTTP/1.1\r\n\r\n",
	"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a/b\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 1\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ntransfer-encoding: identity\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTrailer: X\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTE: trailers\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: keep-alive, X\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nno colon\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n: no name\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nspace : x\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n folded: x\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: a\x00b\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: a\rb\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: ü\r\n\r\n",
}

var plainRequests = []string{
	plain,
	"PUT / HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 0\r\n\r\n",
	"PUT //a/./../b HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 00012\r\n\r\n",
	"POST /a/b/ada@example.com:1;x=1~ HTTP/1.1\r\nhost:a\r\ncontent-length:1\r\nconnection: Keep-Alive\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nX: 1\r\nx: 2\r\nPragma: no-cache\r\nX-Empty:\r\nAuthorization: Bearer abc\r\n\r\n",
}

func isPlain(b []byte) (h head, length int, ok bool) {
	if h, ok = cutHead(b); ok {
		length, ok = plainFields(h.fields)
	}
	return h, length, ok
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, request := range notPlainRequests {
		if _, _, ok := isPlain([]byte(request)); ok {
			t.Errorf("%q is plain", request)
		}
	}
	for _, request := range plainRequests {
		if _, _, ok := isPlain([]byte(request)); !ok {
			t.Errorf("%q is not plain", request)
		}
	}
}

// Whatever is plain, net/http reads the same way.
func FuzzPlain(f *testing.F) {
	for _, request := range append(notPlainRequests, plainRequests...) {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, length, ok := isPlain(b)
		if !ok {
			return
		}
		rest := bytes.NewReader(b)
		buffered := bufio.NewReaderSize(rest, 16)
		r, err := http.ReadRequest(buffered)
		if err != nil {
			t.Fatalf("net/http does not read it: %v", err)
		}
		if size := len(b) - rest.Len() - buffered.Buffered(); size != h.size {
			t.Errorf("the head has %d bytes, net/http reads %d", h.size, size)
		}
		if r.Method != h.method || r.RequestURI != string(h.path) || r.URL.Path != string(h.path) || r.URL.EscapedPath() != r.URL.Path || r.URL.RawPath != "" || (&url.URL{Path: r.URL.Path}).EscapedPath() != r.URL.Path || r.URL.RawQuery != "" || r.URL.Host != "" {
			t.Errorf("%s %s, net/http reads %+v of %+v", h.method, h.path, r.URL, r)
		}
		if r.ContentLength != int64(length) || r.Close || r.TransferEncoding != nil || r.Trailer != nil || r.Host == "" || r.ProtoMinor != 1 {
			t.Errorf("length %d, net/http reads %+v", length, r)
		}
		// What is remembered is read with another first line.
		other, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\n" + string(h.fields))))
		if err != nil || !reflect.DeepEqual(other.Header, r.Header) || other.Host != r.Host {
			t.Errorf("%+v is another header than %+v, %v", other, r, err)
		}
	})
}
