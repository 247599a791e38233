package actors

import (
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// QueueOf tells which queue of a pulled egress a record waits in. It is called on
// a worker, once for every record of an invocation that succeeded: it must be
// quick, and safe for concurrent use. A name has at most MaxQueueBytes; a longer
// one is cut.
type QueueOf func(m functions.Message) (queue string)

// MaxQueueBytes is the longest name of a queue of a pulled egress.
const MaxQueueBytes = 1 << 10

// pullQueue is what the journal calls a queue of a pulled egress. Egresses have
// one slash, so that none is called the same.
func pullQueue(egress functions.TypeName, queue string) functions.TypeName {
	return egress + "/" + functions.TypeName(queue[:min(len(queue), MaxQueueBytes)])
}

// sortPulled puts the records of pulled egresses into their queues.
func (e *Engine) sortPulled(records []persistence.EgressRecord) {
	if len(e.opts.Pulled) == 0 {
		return
	}
	for i := range records {
		r := &records[i]
		if queue := e.opts.Pulled[r.Egress]; queue != nil {
			r.Egress = pullQueue(r.Egress, queue(functions.Message{Type: r.Type, Value: r.Value}))
		}
	}
}

// NextRecord returns the first durable record of a queue of a pulled egress whose
// sequence is above after, and false if there is none. The record stays in the
// journal, through a restart too, until RecordTaken says that it is safe where it
// went. Do not call it after Close.
func (e *Engine) NextRecord(egress functions.TypeName, queue string, after persistence.Sequence) (persistence.EgressRecord, bool, error) {
	if err := e.checkPulled(egress); err != nil {
		return persistence.EgressRecord{}, false, err
	}
	name := pullQueue(egress, queue)
	r := persistence.EgressRange(name)
	r.Low = persistence.EgressKey(name, after+1)
	for {
		rows, next, err := e.journal.Scan(r, 1)
		switch {
		case err != nil:
			return persistence.EgressRecord{}, false, err
		case len(rows) > 0:
			record, err := persistence.DecodeEgress(name, rows[0])
			return record, err == nil, err
		case next == nil:
			return persistence.EgressRecord{}, false, nil
		}
		r.Low = next
	}
}

// RecordTaken removes a record that NextRecord returned. It does not wait until
// that is durable: until then NextRecord may return the record again, unless it
// is asked for what is above it.
func (e *Engine) RecordTaken(r persistence.EgressRecord) error {
	return e.journal.Outside().AppendNow(&persistence.Transaction{
		Rows: []persistence.Row{{Key: persistence.EgressKey(r.Egress, r.Sequence), Delete: true}},
	})
}

func (e *Engine) checkPulled(egress functions.TypeName) error {
	if e.opts.Pulled[egress] == nil {
		return fmt.Errorf("actors: egress %s is not pulled", egress)
	}
	return nil
}
