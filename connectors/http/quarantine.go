package http

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
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

// How many quarantined messages a list has.
const (
	defaultListed = 100
	maxListed     = 10_000
)

// messageName names a quarantined message.
type messageName struct {
	address  functions.Address
	sequence uint64
}

// of makes an action out of what is done with one quarantined message.
func (a *admin) of(sequence uint64, f func(http.ResponseWriter, *http.Request, messageName) error) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		values, err := parameters(r, "address")
		if err != nil {
			return err
		}
		address, err := functions.ParseAddress(values.Get("address"))
		if err != nil {
			return httpserver.Refuse(http.StatusBadRequest, "parameter address: %v", err)
		}
		return f(w, r, messageName{address, sequence})
	}
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
		return 0, httpserver.Refuse(http.StatusBadRequest, "limit %q, expected 1 to %d", httpserver.Clip(values.Get("limit")), maxListed)
	}
	return n, nil
}

func quarantineEntry(q *actors.Quarantined) QuarantineEntry {
	return QuarantineEntry{q.Address, q.Sequence, q.Caller, q.Type, len(q.Value), q.Error, q.Attempts, q.At}
}

func (a *admin) show(w http.ResponseWriter, _ *http.Request, name messageName) error {
	q, err := a.quarantine.QuarantinedMessage(name.address, name.sequence)
	if err != nil {
		return err
	}
	value, _ := a.types.Append(nil, q.Type, q.Value)
	return a.answer(w, QuarantineDetails{quarantineEntry(&q), value, q.Value, q.Stack, q.State})
}

func (a *admin) retry(w http.ResponseWriter, r *http.Request, name messageName) error {
	return a.done(w, a.quarantine.Retry(r.Context(), name.address, name.sequence))
}

func (a *admin) drop(w http.ResponseWriter, r *http.Request, name messageName) error {
	return a.done(w, a.quarantine.Drop(r.Context(), name.address, name.sequence))
}

func (*admin) done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
