package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/functions"
)

// QuarantineList is what is answered to GET /io.statefun/quarantine.
type QuarantineList struct {
	Messages []QuarantineEntry `json:"messages"`
	// More says that there are others beyond the limit.
	More bool `json:"more"`
}

// QuarantineEntry is a quarantined message in a list. Address and Sequence name
// it.
type QuarantineEntry struct {
	Address  functions.Address  `json:"address"`
	Sequence uint64             `json:"sequence"`
	Caller   string             `json:"caller,omitempty"`
	Type     functions.TypeName `json:"type"`
	Size     int                `json:"size"` // bytes of the value
	Error    string             `json:"error"`
	Attempts int                `json:"attempts"`
	At       time.Time          `json:"at"`
}

// QuarantineDetails is what is answered to GET of a quarantined message.
type QuarantineDetails struct {
	QuarantineEntry
	// Value as JSON, if it can be shown so, and its bytes.
	Value json.RawMessage `json:"value,omitempty"`
	Bytes []byte          `json:"base64"`
	Stack string          `json:"stack,omitempty"`
	// State is what the last attempt saw.
	State []actors.StateValue `json:"state"`
}

// Purge is what is to be posted to /io.statefun/purge: either an address or a
// type.
type Purge struct {
	Address *functions.Address `json:"address,omitempty"`
	Type    functions.TypeName `json:"type,omitempty"`
	// DryRun only counts.
	DryRun bool `json:"dry_run"`
}

// How many quarantined messages a list has.
const (
	defaultListed = 100
	maxListed     = 10_000
)

// maxPurgeBytes is about the longest address, escaped.
const maxPurgeBytes = 1 << 20

// admin handles the node's own paths.
type admin struct {
	quarantine Quarantine
	purger     Purger
	meter      Meter
	types      *jsonview.Types
	about      any

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
	return notAllowed(r, strings.Join(allowed, ", "))
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
	return nil, refuse(http.StatusNotFound, "no such path: %s has status, quarantine and purge", adminPrefix)
}

func (a *admin) routeMessage(sequence string, rest []string) (methods, error) {
	n, err := strconv.ParseUint(sequence, 10, 64)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "sequence %q, expected a number", clip(sequence))
	}
	switch {
	case len(rest) == 0:
		return methods{http.MethodGet: a.of(n, a.show), http.MethodDelete: a.of(n, a.drop)}, nil
	case len(rest) == 1 && rest[0] == "retry":
		return methods{http.MethodPost: a.of(n, a.retry)}, nil
	}
	return nil, refuse(http.StatusNotFound, "no such path: a quarantined message has only retry below it")
}

// entry names a quarantined message.
type entry struct {
	address  functions.Address
	sequence uint64
}

// of makes an action out of what is done with one quarantined message.
func (a *admin) of(sequence uint64, f func(http.ResponseWriter, *http.Request, entry) error) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		values, err := parameters(r, "address")
		if err != nil {
			return err
		}
		address, err := functions.ParseAddress(values.Get("address"))
		if err != nil {
			return refuse(http.StatusBadRequest, "parameter address: %v", err)
		}
		return f(w, r, entry{address, sequence})
	}
}

// parameters reads the query, which may have these.
func parameters(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "malformed query: %v", err)
	}
	for name, all := range values {
		if !slices.Contains(names, name) || len(all) > 1 {
			return nil, refuse(http.StatusBadRequest, "parameter %q, expected %s, each at most once", clip(name), strings.Join(names, " and "))
		}
	}
	return values, nil
}

func (a *admin) list(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "function", "limit")
	if err != nil {
		return err
	}
	limit, err := listLimit(values)
	if err != nil {
		return err
	}
	function, out := functions.TypeName(values.Get("function")), QuarantineList{Messages: []QuarantineEntry{}}
	err = a.quarantine.Quarantine(func(q actors.Quarantined) bool {
		if function != "" && q.Address.Type != function {
			return r.Context().Err() == nil
		}
		if out.More = len(out.Messages) == limit; !out.More {
			out.Messages = append(out.Messages, quarantineEntry(&q))
		}
		return !out.More
	})
	if err != nil {
		return err
	}
	return a.answer(w, out)
}

func listLimit(values url.Values) (int, error) {
	if !values.Has("limit") {
		return defaultListed, nil
	}
	n, err := strconv.Atoi(values.Get("limit"))
	if err != nil || n < 1 || n > maxListed {
		return 0, refuse(http.StatusBadRequest, "limit %q, expected 1 to %d", clip(values.Get("limit")), maxListed)
	}
	return n, nil
}

func quarantineEntry(q *actors.Quarantined) QuarantineEntry {
	return QuarantineEntry{q.Address, q.Sequence, q.Caller, q.Type, len(q.Value), q.Error, q.Attempts, q.At}
}

func (a *admin) show(w http.ResponseWriter, _ *http.Request, e entry) error {
	q, err := a.quarantine.QuarantinedMessage(e.address, e.sequence)
	if err != nil {
		return err
	}
	value, _ := a.types.Append(nil, q.Type, q.Value)
	return a.answer(w, QuarantineDetails{quarantineEntry(&q), value, q.Value, q.Stack, q.State})
}

func (a *admin) retry(w http.ResponseWriter, r *http.Request, e entry) error {
	return a.done(w, a.quarantine.Retry(r.Context(), e.address, e.sequence))
}

func (a *admin) drop(w http.ResponseWriter, r *http.Request, e entry) error {
	return a.done(w, a.quarantine.Drop(r.Context(), e.address, e.sequence))
}

func (*admin) done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (a *admin) purge(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	p, err := readPurge(r.Body)
	if err != nil {
		return err
	}
	// A type may have many addresses.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	var purged actors.Purged
	if p.Address != nil {
		purged, err = a.purger.Purge(r.Context(), *p.Address, p.DryRun)
	} else {
		purged, err = a.purger.PurgeType(r.Context(), p.Type, p.DryRun)
	}
	if err != nil {
		return err
	}
	return a.answer(w, purged)
}

func readPurge(body io.Reader) (p Purge, err error) {
	d := json.NewDecoder(io.LimitReader(body, maxPurgeBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, refuse(http.StatusBadRequest, `%v; expected {"address": "a/b/c"} or {"type": "a/b"}, and perhaps "dry_run": true`, err)
	}
	if (p.Address != nil) == (p.Type != "") {
		return p, refuse(http.StatusBadRequest, "expected either an address or a type")
	}
	if p.Address != nil {
		return p, invalid(p.Address.Validate())
	}
	_, err = functions.ParseTypeName(string(p.Type))
	return p, invalid(err)
}

func invalid(err error) error {
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
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
	w.Header()["Content-Type"] = contentTypeJSON
	w.Header()["X-Content-Type-Options"] = noSniff
	if _, err := newSlowWriter(w, limit).Write(b.Bytes()); err != nil {
		return errSent
	}
	return nil
}

