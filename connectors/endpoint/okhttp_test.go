package endpoint

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Redirects are followed; other servers do not get what is secret.
func TestRedirects(t *testing.T) {
	t.Parallel()
	show := func(w http.ResponseWriter, r *http.Request) {
		octets(w, fmt.Sprint(r.Method, " ", r.URL.Path, " key=", r.Header.Get("X-Key"), " auth=", r.Header.Get("Authorization")))
	}
	elsewhere := serve(t, show)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/307":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case "/302":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, elsewhere+"/there", http.StatusPermanentRedirect)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusTemporaryRedirect)
		default:
			show(w, r)
		}
	})
	headers := map[string]Secret{"X-Key": "k", "Authorization": "a"}
	for path, want := range map[string]string{
		"/307":       "POST /there key=k auth=a",
		"/302":       "GET /there key=k auth=a",
		"/elsewhere": "POST /there key= auth=",
	} {
		mustCall(t, open(t, Config{URL: url + path, Profile: OkHTTP, Headers: headers}), "body", want)
		mustFail(t, open(t, Config{URL: url + path}), Status, "requests of this transport do not follow")
	}
	f := mustFail(t, open(t, Config{URL: url + "/round", Profile: OkHTTP}), Status, "Non successful HTTP response code 307")
	if f.Retry {
		t.Errorf("got %+v", f)
	}
}

// With HTTP/2 all requests share a connection, in the OkHTTP profile only, and a server
// that stops is not noticed by requests that it did not begin with.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		octets(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.sign(t, newKey(t), forLoopback)}, MinVersion: tls.VersionTLS12}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	trust := TLS{TrustCACerts: certFile(t, ca.cert.Raw)}
	e := open(t, Config{URL: s.URL, Profile: OkHTTP, TLS: trust})
	mustCall(t, e, "r", "HTTP/2.0")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { mustCall(t, e, strings.Repeat("x", 100<<10), "HTTP/2.0") })
	}
	all.Wait()
	if conns.Load() != 1 {
		t.Errorf("%d connections", conns.Load())
	}
	async := open(t, Config{URL: s.URL, TLS: trust})
	for range 5 {
		mustCall(t, async, "r", "HTTP/1.1")
		s.CloseClientConnections()
		mustCall(t, e, "r", "HTTP/2.0")
	}
}

// An attempt that ends does not take others with it, and its time-outs are its own.
func TestReadTimeoutIsOfOneAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := bubble(t, Config{Profile: OkHTTP, Read: 5 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
			var d int
			_, _ = fmt.Fscan(r.Body, &d)
			select {
			case <-time.After(time.Duration(d) * time.Second):
			case <-r.Context().Done():
			}
			octets(w, "x")
		})
		var all sync.WaitGroup
		for _, d := range []string{"1", "4", "2"} {
			all.Go(func() { mustCall(t, e, d, "x") })
		}
		all.Go(func() {
			_, err := call(t, e, "6")
			if f, ok := err.(*Failure); !ok || f.Kind != Timeout { //nolint:errorlint // it is not wrapped
				t.Errorf("got %v", err)
			}
		})
		all.Wait()
	})
}
