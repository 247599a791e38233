package endpoint

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// COMPAT 50: HTTP over Unix sockets, one of them for each function.
func TestUnixSockets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t)
	cert := ca.sign(t, newKey(t), forLoopback)
	for _, name := range []string{"fn", "other", "tls"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, name+".sock"))
		if err != nil {
			t.Fatal(err)
		}
		if name == "tls" {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
		}
		s := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			octets(w, name+" "+r.Host+r.URL.String())
		})}
		served := make(chan struct{})
		go func() { defer close(served); _ = s.Serve(l) }()
		t.Cleanup(func() { s.Close(); <-served })
	}
	for _, p := range bothProfiles {
		e := open(t, Config{URL: "http+unix://" + dir + "/{function.name}.sock/a.sock/b?c", Profile: p})
		for range 2 {
			mustCall(t, e, "r", "fn localhost/a.sock/b?c")
			b, err := e.Attempt(t.Context(), Request{Function: "ns/other"})
			if want := "other localhost/a.sock/b?c"; err != nil || string(b) != want {
				t.Errorf("got %q, %v; want %q", b, err, want)
			}
		}
		mustCall(t, open(t, Config{URL: "http+unix://" + dir + "/fn.sock", Profile: p}), "r", "fn localhost/")
		trust := TLS{TrustCACerts: certFile(t, ca.cert.Raw)}
		mustCall(t, open(t, Config{URL: "https+unix://" + dir + "/tls.sock/x", Profile: p, TLS: trust}), "r", "tls localhost/x")
	}
}
