package actors

import (
	"encoding/binary"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// asyncStart is asynchronous work that begins once it is durable.
type asyncStart struct {
	fn       *function
	key      []byte
	self     functions.Address
	name     string
	metadata functions.Message
	work     functions.AsyncWork
}

// StartAsync implements functions.Driver. The row says that an outcome is owed;
// it goes in the transaction that delivers one.
func (inv *invocation) StartAsync(name string, metadata functions.Message, work functions.AsyncWork) {
	if !inv.account(1, 64+len(metadata.Value)) {
		return
	}
	self := inv.message.Target
	a := asyncStart{
		fn: inv.fn, key: persistence.AsyncKey(inv.grain.record.Group, self, inv.worker.queue.next()),
		self: self, name: name, metadata: metadata, work: work,
	}
	inv.effects.rows = append(inv.effects.rows, persistence.Row{Key: a.key, Value: encodeAsync(name, metadata)})
	inv.effects.async = append(inv.effects.async, a)
}

func encodeAsync(name string, metadata functions.Message) []byte {
	b := binary.AppendUvarint([]byte{1}, uint64(len(name)))
	b = append(b, name...)
	return persistence.AppendMessage(b, &persistence.Message{Type: metadata.Type, Value: metadata.Value})
}

func decodeAsync(b []byte) (name string, metadata functions.Message, err error) {
	if len(b) == 0 || b[0] != 1 {
		return "", metadata, fmt.Errorf("actors: asynchronous work of unknown version: %x", b)
	}
	n, k := binary.Uvarint(b[1:])
	rest := b[1+max(0, k):]
	if k <= 0 || n > uint64(len(rest)) {
		return "", metadata, fmt.Errorf("actors: asynchronous work is malformed: %x", b)
	}
	m, _, err := persistence.DecodeMessage(rest[n:], nil)
	if err != nil {
		return "", metadata, err
	}
	return string(rest[:n]), functions.Message{Type: m.Type, Value: m.Value}, nil
}

// startAsync runs on the committer once the work is durable.
func (e *Engine) startAsync(a asyncStart) {
	e.asyncRunning.Add(1)
	a.fn.metrics.async.Add(1)
	e.env.Dispatcher.Go("async "+a.name, func() { e.runAsync(a) })
}

// runAsync does the work and sends its outcome to the grain, also after a panic
// or a runtime.Goexit.
func (e *Engine) runAsync(a asyncStart) {
	var value functions.Message
	err := errGoexit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		// When the node stops, the next start says that the outcome is unknown.
		if err == nil || e.asyncContext.Err() == nil {
			e.deliverAsync(a.key, a.self, functions.NewAsyncResult(a.name, a.metadata, value, err))
		}
		a.fn.metrics.async.Add(-1)
		e.asyncRunning.Add(-1)
	}()
	value, err = a.work(e.asyncContext)
}

// deliverAsync sends the outcome to the grain in the transaction that settles it.
func (e *Engine) deliverAsync(key []byte, self functions.Address, r functions.AsyncResult) {
	tx := &persistence.Transaction{
		Rows: []persistence.Row{{Key: key, Delete: true}},
		Sends: []*persistence.Message{{
			Target: self, Caller: self, Type: functions.AsyncResultType, Value: r.Encode(),
		}},
	}
	if err := e.journal.Outside().AppendNow(tx); err != nil {
		e.opts.Logger.Debug("outcome of asynchronous work is left to the next start", "address", self.String(), "error", err)
	}
}

// settleAsync answers "unknown" to all work that a former run left pending.
func (e *Engine) settleAsync() error {
	for g := range e.opts.KeyGroups {
		var rows []persistence.Row
		err := e.journal.ScanAll(persistence.AsyncRange(persistence.KeyGroup(g)), func(r persistence.Row) bool {
			rows = append(rows, r)
			return true
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			self, _, err := persistence.CutAddressSequence(row.Key)
			if err != nil {
				return err
			}
			name, metadata, err := decodeAsync(row.Value)
			if err != nil {
				return err
			}
			e.deliverAsync(row.Key, self, functions.UnknownAsyncResult(name, metadata))
		}
	}
	return nil
}
