package persistence

import (
	"slices"
	"sync"

	"github.com/statefun-go/statefun/functions"
)

// inboxReplay brings the inboxes to the end of the log, batch by batch, while the
// log is being read.
type inboxReplay struct {
	unused  []recoveredInbox
	batch   []inboxEvent // of the batch that is being read
	batches chan []inboxEvent
	ended   sync.WaitGroup
}

// inboxEvent is a message that was sent, or how far an address has consumed.
type inboxEvent struct {
	message  *Message
	consumer functions.Address
	consumed Sequence
}

// beginReplay prepares for a log of so many bytes.
func (in *inboxes) beginReplay(size int64) *inboxReplay {
	const messageBytes = 256 // in a log of nothing else
	in.recovered = make(map[functions.Address]*recoveredInbox, size/messageBytes)
	r := &inboxReplay{batches: make(chan []inboxEvent, 16)}
	r.ended.Go(func() {
		for events := range r.batches {
			for i := range events {
				if e := &events[i]; e.message != nil {
					r.sent(in, e.message)
				} else {
					in.replayConsumed(e.consumer, e.consumed)
				}
			}
		}
	})
	return r
}

// next ends the batch.
func (r *inboxReplay) next() {
	r.batches <- r.batch
	r.batch = make([]inboxEvent, 0, len(r.batch))
}

func (r *inboxReplay) end() {
	close(r.batches)
	r.ended.Wait()
}

func (r *inboxReplay) sent(in *inboxes, m *Message) {
	waiting := in.recovered[m.Target]
	if waiting == nil {
		waiting = r.newInbox()
		in.recovered[m.Target] = waiting
		in.order = append(in.order, m.Target)
	}
	waiting.messages = append(waiting.messages, m)
	list := waiting.messages
	// The log has a batch's messages by sender.
	for i := len(list) - 1; i > 0 && list[i-1].Sequence > list[i].Sequence; i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
}

func (r *inboxReplay) newInbox() *recoveredInbox {
	if len(r.unused) == 0 {
		r.unused = make([]recoveredInbox, 1024)
	}
	waiting := &r.unused[0]
	r.unused = r.unused[1:]
	waiting.messages = waiting.one[:0]
	return waiting
}

// replayConsumed forgets what the replay has seen consumed. The address keeps its
// place, so that order names it once.
func (in *inboxes) replayConsumed(a functions.Address, consumed Sequence) {
	waiting := in.recovered[a]
	list := waiting.list()
	n := 0
	for n < len(list) && list[n].Sequence <= consumed {
		n++
	}
	if n > 0 {
		waiting.messages = slices.Delete(list, 0, n)
	}
}

// replayed ends the replay: what it has left waits.
func (in *inboxes) replayed() {
	kept := in.order[:0]
	in.waiting = slices.Grow(in.waiting, len(in.order))
	for _, a := range in.order {
		list := in.recovered[a].list()
		if len(list) == 0 {
			delete(in.recovered, a)
			continue
		}
		kept = append(kept, a)
		in.waiting = append(in.waiting, list...)
	}
	in.order = kept
	if len(kept) == 0 {
		in.recovered = map[functions.Address]*recoveredInbox{}
	}
}
