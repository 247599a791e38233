package http

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
)

// handler answers requests: it finds out what a path means.
type handler struct {
	guard     *httpserver.Guard
	sender    sender
	viewer    viewer
	admin     admin
	metrics   http.Handler
	ready     func() error
	responses responses
	logger    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := httpserver.EscapedPath(r)
	if path == "/healthz" || path == "/readyz" {
		h.serveHealth(w, r, path)
		return
	}
	err := h.guard.Check(r)
	status := http.StatusOK
	if err == nil {
		status, err = h.serve(w, r, path)
	}
	switch {
	case err == nil:
		h.responses.count(status)
	case !errors.Is(err, errSent):
		h.fail(w, r, err)
	}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, path string) (int, error) {
	typ, rest, ok := splitPath(path)
	switch {
	case len(path) >= len(adminPrefix) && path[:len(adminPrefix)] == adminPrefix:
		return http.StatusOK, h.admin.serve(w, r, path)
	case path == "/metrics":
		return http.StatusOK, h.serveMetrics(w, r)
	case !ok:
		return 0, noSuchPath(r)
	}
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		return h.sender.serve(w, r, typ, rest)
	case http.MethodGet, http.MethodHead:
		return http.StatusOK, h.serveView(w, r, typ, rest)
	}
	if _, _, ok := cutView(rest); ok {
		return 0, httpserver.NotAllowed(r, "GET, POST, PUT")
	}
	return 0, httpserver.NotAllowed(r, "POST, PUT")
}

func (h *handler) serveView(w http.ResponseWriter, r *http.Request, typ, rest string) error {
	id, name, ok := cutView(rest)
	if !ok {
		p := httpserver.NotAllowed(r, "POST, PUT")
		p.Text += "; GET shows " + addressForm + "/state and …/state/<name>"
		return p
	}
	if r.URL.RawQuery != "" {
		return httpserver.Refuse(http.StatusBadRequest, "parameters %q, expected none", httpserver.Clip(r.URL.RawQuery))
	}
	return h.viewer.serve(w, r, typ, id, name)
}

func noSuchPath(r *http.Request) error {
	status := http.StatusNotFound
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		status = http.StatusBadRequest
	}
	return httpserver.Refuse(status, "path %q, expected %s, or one of /healthz, /readyz, /metrics and %s…", httpserver.Clip(r.URL.Path), addressForm, adminPrefix)
}

func (h *handler) serveMetrics(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return httpserver.NotAllowed(r, "GET")
	}
	h.metrics.ServeHTTP(w, r)
	return nil
}

// serveHealth answers everybody, and without a token: what it says is no secret.
func (h *handler) serveHealth(w http.ResponseWriter, r *http.Request, path string) {
	err := error(nil)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		err = httpserver.NotAllowed(r, "GET")
	case path == "/readyz" && h.ready != nil:
		if reason := h.ready(); reason != nil {
			err = httpserver.Refuse(http.StatusServiceUnavailable, "not ready: %v", reason)
		}
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.responses.count(http.StatusOK)
	w.Header()["Content-Type"] = httpserver.ContentTypeJSON
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
}

// fail answers with an error.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := httpserver.AnswerTo(r, err)
	if p.Status == http.StatusInternalServerError {
		h.logger.Debug("request failed", "method", r.Method, "error", err)
	}
	h.responses.count(p.Status)
	p.Write(w)
}
