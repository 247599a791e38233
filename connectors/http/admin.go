package http

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/jsonview"
)

// admin handles the node's own paths.
type admin struct {
	quarantine Quarantine
	purger     Purger
	meter      Meter
	backlogs   *backlogs
	types      *jsonview.Types
	about      any
	bound      []Bound

	writeTimeout time.Duration
}

type action func(w http.ResponseWriter, r *http.Request) error

// methods are the actions of one path. HEAD is GET.
type methods map[string]action

func (m methods) serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if f := m[method]; f != nil {
		return f(w, r)
	}
	allowed := []string{}
	for method := range m {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	return httpserver.NotAllowed(r, strings.Join(allowed, ", "))
}

// serve handles a path below adminPrefix.
func (a *admin) serve(w http.ResponseWriter, r *http.Request, path string) error {
	m, err := a.route(strings.Split(strings.TrimPrefix(path, adminPrefix), "/"))
	if err != nil {
		return err
	}
	return m.serve(w, r)
}

func (a *admin) route(segments []string) (methods, error) {
	switch {
	case len(segments) == 1 && segments[0] == "status":
		return methods{http.MethodGet: a.status}, nil
	case len(segments) == 1 && segments[0] == "purge":
		return methods{http.MethodPost: a.purge}, nil
	case len(segments) == 1 && segments[0] == "quarantine":
		return methods{http.MethodGet: a.list}, nil
	case len(segments) >= 2 && segments[0] == "quarantine":
		return a.routeMessage(segments[1], segments[2:])
	}
	return nil, httpserver.Refuse(http.StatusNotFound, "no such path: %s has status, quarantine and purge", adminPrefix)
}

func (a *admin) routeMessage(sequence string, rest []string) (methods, error) {
	n, err := strconv.ParseUint(sequence, 10, 64)
	if err != nil {
		return nil, httpserver.Refuse(http.StatusBadRequest, "sequence %q, expected a number", httpserver.Clip(sequence))
	}
	switch {
	case len(rest) == 0:
		return methods{http.MethodGet: a.of(n, a.show), http.MethodDelete: a.of(n, a.drop)}, nil
	case len(rest) == 1 && rest[0] == "retry":
		return methods{http.MethodPost: a.of(n, a.retry)}, nil
	}
	return nil, httpserver.Refuse(http.StatusNotFound, "no such path: a quarantined message has only retry below it")
}

// parameters reads the query, which may have these.
func parameters(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, httpserver.Refuse(http.StatusBadRequest, "malformed query: %v", err)
	}
	for name, all := range values {
		if !slices.Contains(names, name) || len(all) > 1 {
			return nil, httpserver.Refuse(http.StatusBadRequest, "parameter %q, expected %s", httpserver.Clip(name), expected(names))
		}
	}
	return values, nil
}

func expected(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ") + ", each at most once"
}

// answer sends JSON, however long the work took.
func (a *admin) answer(w http.ResponseWriter, v any) error {
	return writeJSON(w, a.writeTimeout, v)
}

// writeJSON sends v as JSON to be read by people too.
func writeJSON(w http.ResponseWriter, limit time.Duration, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	w.Header()["Content-Type"] = httpserver.ContentTypeJSON
	w.Header()["X-Content-Type-Options"] = httpserver.NoSniff
	if _, err := newSlowWriter(w, limit).Write(b.Bytes()); err != nil {
		return errSent
	}
	return nil
}
