package check_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/endpoint/check"
)

func TestNotReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for url, c := range map[string]struct{ check, part string }{
		"http://" + address + "/":                                     {"connect", "start the server"},
		"http://no-such-host.invalid/":                                {"name", "check the spelling"},
		"http+unix://" + filepath.Join(t.TempDir(), "x.sock") + "/fn": {"connect", "the socket appears"},
	} {
		r := run(t, check.Options{Endpoint: endpoint.Config{URL: url}})
		want(t, r, check.Failed, c.check, c.part)
		if r.Reached {
			t.Errorf("%s: reached", url)
		}
	}
}

// raw accepts connections and answers each request with the same bytes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1)
			if _, err := c.Read(b); err == nil {
				_, _ = io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String() + "/"
}

func TestNotHTTP(t *testing.T) {
	t.Parallel()
	for answer, part := range map[string]string{
		"\x15\x03\x01\x00\x02\x02\x50": "https in the URL",
		"SSH-2.0-OpenSSH\r\n":          "does not speak HTTP/1.1",
		"":                             "closed the connection",
	} {
		r := run(t, check.Options{Endpoint: endpoint.Config{URL: raw(t, answer)}})
		want(t, r, check.Failed, "post", part)
		if r.Reached {
			t.Errorf("%q: reached", answer)
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := start(t, &server{http: func(http.ResponseWriter, *http.Request, []byte) bool { <-release; return false }})
	t.Cleanup(func() { close(release) })
	o.Timeout = 2 * time.Second // for the requests before, too, which are answered
	want(t, run(t, o), check.Failed, "handshake", "in time", "--timeout")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	o.Timeout = time.Minute
	o.Found = func(f check.Finding) {
		if f.Check == "get" {
			cancel(stop)
		}
	}
	if r, err := check.Run(ctx, o); !errors.Is(err, stop) {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(&server{})
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(s.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	o := check.Options{Endpoint: endpoint.Config{URL: s.URL, TLS: endpoint.TLS{TrustCACerts: ca, VerifyHostname: endpoint.HostnameVerified}}, Function: counterType, Message: text("m")}
	r := run(t, o)
	want(t, r, check.OK, "tls", "TLS 1.3", "for the host 127.0.0.1")
	want(t, r, check.OK, "batch")
	o.Endpoint.TLS.VerifyHostname = endpoint.HostnameUnverified // COMPAT 49
	want(t, run(t, o), check.Note, "tls", "not verified here, and would do")
	o.Endpoint.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	want(t, run(t, o), check.Note, "tls", "not verified here, and would not do")
	o.Endpoint.TLS.VerifyHostname = endpoint.HostnameVerified
	want(t, run(t, o), check.Failed, "tls", "verifyHostname: false")
	o.Endpoint.TLS.TrustCACerts, o.Endpoint.URL = "", s.URL
	want(t, run(t, o), check.Failed, "tls", "trust_cacerts")
	o.Endpoint.URL = strings.Replace(start(t, &server{}).Endpoint.URL, "http:", "https:", 1)
	want(t, run(t, o), check.Failed, "tls", "speaks no TLS")
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fn.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: &server{}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	o := check.Options{Endpoint: endpoint.Config{URL: "http+unix://" + path + "/statefun"}, Function: counterType, Message: text("m")}
	r := run(t, o)
	want(t, r, check.OK, "connect", path)
	want(t, r, check.OK, "batch")
}
