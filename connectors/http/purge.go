package http

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
)

// Purge is what is to be posted to /io.statefun/purge: either an address or a
// type.
type Purge struct {
	Address *functions.Address `json:"address,omitempty"`
	Type    functions.TypeName `json:"type,omitempty"`
	// DryRun only counts.
	DryRun bool `json:"dry_run"`
}

// maxPurgeBytes is about the longest address, escaped.
const maxPurgeBytes = 1 << 20

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
		return p, httpserver.Refuse(http.StatusBadRequest, `%v; expected {"address": "a/b/c"} or {"type": "a/b"}, and perhaps "dry_run": true`, err)
	}
	if (p.Address != nil) == (p.Type != "") {
		return p, httpserver.Refuse(http.StatusBadRequest, "expected either an address or a type")
	}
	if p.Address != nil {
		return p, invalid(p.Address.Validate())
	}
	_, err = functions.ParseTypeName(string(p.Type))
	return p, invalid(err)
}

func invalid(err error) error {
	if err != nil {
		return httpserver.Refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
}
