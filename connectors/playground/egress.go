package playground

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// EgressID is the name that functions send to.
const EgressID = functions.TypeName(module.PlaygroundEgressID)

// Records has what waits. *actors.Engine is one. It is safe for concurrent use.
type Records interface {
	NextRecord(egress functions.TypeName, queue string, after persistence.Sequence) (persistence.EgressRecord, bool, error)
	RecordTaken(r persistence.EgressRecord) error
}

// Egress hands out over HTTP what functions sent to EgressID. Its methods are safe
// for concurrent use.
type Egress struct {
	front
	records  Records
	topics   map[string]*queue
	rejected *queue
	wrong    atomic.Uint64
}

// RejectedPath is where records that were set aside are taken from.
const RejectedPath = "/io.statefun/rejected"

// What the queues are called in the journal.
const (
	topicQueues   = "topics/"
	rejectedQueue = "rejected"
)

// MaxTopicBytes is the longest name of a topic.
const MaxTopicBytes = actors.MaxQueueBytes - len(topicQueues)

// NewEgress makes an egress that does nothing before Start. Its QueueOf goes into
// the engine's Options.Pulled, as EgressID.
func NewEgress(spec *module.PlaygroundEgress, o Options) (*Egress, error) {
	e := &Egress{
		front:  newFront("playground egress", spec.Port, o),
		topics: map[string]*queue{}, rejected: newQueue(rejectedQueue),
	}
	e.rejected.show = e.showRejected
	for _, t := range spec.Topics {
		if t == "" || len(t) > MaxTopicBytes {
			return nil, fmt.Errorf("playground egress: topic %q has %d bytes, expected 1 to %d", httpserver.Clip(t), len(t), MaxTopicBytes)
		}
		q := newQueue(topicQueues + t)
		q.show = showPayload
		e.topics[t] = q
	}
	return e, nil
}

// QueueOf implements actors.QueueOf: a queue for each topic, and one for records
// that are wrong.
func (e *Egress) QueueOf(m functions.Message) string {
	q, err := e.sort(m.Type, m.Value)
	if err != nil {
		e.reject(err)
		return rejectedQueue
	}
	return q.name
}

func (e *Egress) sort(t functions.TypeName, value []byte) (*queue, error) {
	r, err := parseRecord(t, value)
	if err != nil {
		return nil, err
	}
	q := e.topics[r.Topic]
	if q == nil {
		return nil, fmt.Errorf("topic %q is not one of the egress's", httpserver.Clip(r.Topic))
	}
	return q, nil
}

// reject counts, and logs ever more rarely: one function can make a million of
// these in a minute.
func (e *Egress) reject(reason error) {
	n := e.wrong.Add(1)
	if n <= 10 || n&(n-1) == 0 {
		e.opts.Logger.Warn("a record for the playground egress is wrong and is set aside", "reason", reason, "rejected", n, "take_from", RejectedPath)
	}
}

// Rejected is how many records were wrong since the start.
func (e *Egress) Rejected() uint64 { return e.wrong.Load() }

// Start listens, and serves in the background until Close. It may be called once.
func (e *Egress) Start(ctx context.Context, r Records) error {
	e.records = r
	return e.start(ctx, e.serve)
}

func (e *Egress) serve(w http.ResponseWriter, r *http.Request) error {
	q, err := e.find(httpserver.EscapedPath(r))
	if err != nil {
		return err
	}
	if r.Method != http.MethodGet { // a HEAD would take a record and lose it
		return httpserver.NotAllowed(r, "GET")
	}
	if r.URL.RawQuery != "" {
		return httpserver.Refuse(http.StatusBadRequest, "parameters %q, expected none", httpserver.Clip(r.URL.RawQuery))
	}
	return e.poll(w, r, q)
}

// find returns the queue that an escaped path means.
func (e *Egress) find(path string) (*queue, error) {
	if path == RejectedPath {
		return e.rejected, nil
	}
	topic, err := httpserver.Decode(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, err
	}
	if q := e.topics[topic]; q != nil {
		return q, nil
	}
	return nil, httpserver.Refuse(http.StatusNotFound, "no topic %q: expected /<topic>, with a topic of the egress in the module file", httpserver.Clip(topic))
}
