package playground

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// queue is a topic, or the records that were set aside. What waits in it is in the
// journal only.
type queue struct {
	name string
	// show makes the body of an answer.
	show func(persistence.EgressRecord) (contentType string, body []byte, err error)
	// turn is held by the request that is being answered: the next one comes after
	// it, so that the order holds if it fails.
	turn  chan struct{}
	taken persistence.Sequence // the last one, under turn
}

func newQueue(name string) *queue { return &queue{name: name, turn: make(chan struct{}, 1)} }

// enter waits for the turn of a request; leave ends it.
func (q *queue) enter(ctx context.Context) error {
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) leave() { <-q.turn }

// poll answers with the oldest record, and removes it when the answer is written.
func (e *Egress) poll(w http.ResponseWriter, r *http.Request, q *queue) error {
	if err := q.enter(r.Context()); err != nil {
		return err
	}
	defer q.leave()
	record, ok, err := e.records.NextRecord(EgressID, q.name, q.taken)
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = []string{"no-store"}
	if !ok {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	contentType, body, err := q.show(record)
	if err != nil {
		return err
	}
	if err := e.write(w, r, contentType, body); err != nil {
		e.opts.Logger.Info("a record was not taken, the next GET gets it again", "queue", q.name, "error", err)
		return nil
	}
	if err := e.records.RecordTaken(record); err != nil {
		e.opts.Logger.Warn("a record was handed out but could not be removed: it comes again after a restart", "queue", q.name, "error", err)
	}
	q.taken = record.Sequence
	return nil
}

// write returns nil once the whole answer is on its way.
func (e *Egress) write(w http.ResponseWriter, r *http.Request, contentType string, body []byte) error {
	if err := r.Context().Err(); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	// The request may have waited for its turn.
	if err := control.SetWriteDeadline(time.Now().Add(e.opts.WriteTimeout)); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header["X-Content-Type-Options"] = httpserver.NoSniff
	if _, err := w.Write(body); err != nil {
		return err
	}
	// Whoever goes away from here on has perhaps got it: curl does so at once.
	return control.Flush()
}

func showPayload(r persistence.EgressRecord) (contentType string, body []byte, err error) {
	p, err := parseRecord(r.Type, r.Value)
	return "text/plain; charset=utf-8", []byte(p.Payload), err
}

// Rejected is how a record that was set aside is shown, as JSON.
type Rejected struct {
	Reason string             `json:"reason"`
	Key    string             `json:"key"` // id of the function that sent it
	Type   functions.TypeName `json:"type"`
	Value  []byte             `json:"value"` // in base64
}

func (e *Egress) showRejected(r persistence.EgressRecord) (contentType string, body []byte, err error) {
	reason := "its topic was not there when it was sent, and is now"
	if _, err := e.sort(r.Type, r.Value); err != nil {
		reason = err.Error()
	}
	body, err = json.Marshal(Rejected{reason, r.Key, r.Type, r.Value})
	return "application/json", body, err
}
