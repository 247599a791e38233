package check_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions/protocol"
)

// what a server does with requests that reach no function.
func TestUnasked(t *testing.T) {
	t.Parallel()
	status := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		unknown http.HandlerFunc
		outcome check.Outcome
		check   string
		parts   []string
	}{
		"success":    {status(200, protocol.ContentType, ""), check.Failed, "unknown function", []string{"cannot be here, is answered as a success", "lost"}},
		"spoilt":     {status(200, protocol.ContentType, "oh no"), check.Failed, "unknown function", []string{"no FromFunction"}},
		"empty 200":  {status(200, "text/plain", ""), check.Note, "unknown function", []string{"tries again"}},
		"wrong path": {status(404, "text/plain", "not found"), check.Failed, "post", []string{"404", "path of the URL"}},
		"refused":    {status(403, "text/plain", ""), check.Failed, "post", []string{"403", "header"}},
		"400":        {status(400, "text/plain", "which function?"), check.OK, "unknown function", []string{"which function?"}},
		"TLS":        {status(400, "text/plain", "Client sent an HTTP request to an HTTPS server."), check.Failed, "post", []string{"https in the URL"}},
		// COMPAT §1.3: aiohttp
		"413": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				status(413, "text/plain", "")(w, r)
				return
			}
			status(500, "text/plain", "")(w, r)
		}, check.Note, "size", []string{"413", "client_max_size", "maxBatchBytes"}},
		"large breaks": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				panic(http.ErrAbortHandler)
			}
			status(500, "text/plain", "")(w, r)
		}, check.Failed, "size", []string{"no answer to a request of 2 MiB", "413"}},
		"large differs": {func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				status(400, "text/plain", "")(w, r)
				return
			}
			status(500, "text/plain", "")(w, r)
		}, check.Failed, "size", []string{"answered with 400, a small one with 500"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{unknown: c.unknown})), c.outcome, c.check, c.parts...)
		})
	}
	closing := func(w http.ResponseWriter) { w.Header().Set("Connection", "close") }
	refusing := start(t, &server{unknown: func(w http.ResponseWriter, r *http.Request) {
		closing(w)
		status(500, "text/plain", "")(w, r)
	}})
	want(t, run(t, refusing), check.OK, "keep-alive", "but for one on which a request was refused")
	refusing.Function, refusing.Message = "", protocol.TypedValue{}
	want(t, run(t, refusing), check.Note, "keep-alive", "after it has refused", "--function")
	always := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { closing(w); (&server{}).ServeHTTP(w, r) })
	want(t, run(t, start(t, always)), check.Note, "keep-alive", "after each answer")
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			status(200, "text/html", "<html>")(w, r)
			return
		}
		(&server{}).ServeHTTP(w, r)
	})
	want(t, run(t, start(t, page)), check.Note, "get", "answered with 200", "HTML")
	mux := http.NewServeMux()
	mux.Handle("POST /statefun/counter", &server{})
	o := start(t, mux)
	o.Endpoint.URL += "/{function.name}"
	want(t, run(t, o), check.OK, "unknown function", "no such path")
}
