package persistence

import (
	"slices"
	"sync"

	"github.com/statefun-go/statefun/functions"
)

// inboxReplay brings the inboxes to the end of the log, batch by batch, while the
// log is being read.
type inboxReplay struct {
	batch   []inboxEvent // of the batch that is being read
	batches chan []inboxEvent
	spare   chan []inboxEvent
	memory  decodeMemory
	ended   sync.WaitGroup
	touched uint32 // means nothing, and keeps the compiler from leaving it out
}

// inboxEvent is a message that was sent, or how far an address has consumed.
type inboxEvent struct {
	message  *Message
	consumer functions.Address
	consumed Sequence
}

const batchesAhead = 16

// beginReplay prepares for a log of so many bytes.
func (in *inboxes) beginReplay(size int64) *inboxReplay {
	const messageBytes = 128 // in a log of nothing else
	in.recovered.init(size / messageBytes)
	r := &inboxReplay{batches: make(chan []inboxEvent, batchesAhead), spare: make(chan []inboxEvent, batchesAhead+2)}
	r.ended.Go(func() {
		for events := range r.batches {
			for some := range slices.Chunk(events, lookAhead) {
				r.apply(in, some)
			}
			r.spare <- events[:0]
		}
	})
	return r
}

// apply takes at most lookAhead events.
func (r *inboxReplay) apply(in *inboxes, events []inboxEvent) {
	t := &in.recovered
	var hashes [lookAhead]uint32
	for i := range events {
		if m := events[i].message; m != nil {
			hashes[i] = t.hash(m.Target)
			r.touched += t.index.touch(hashes[i])
		}
	}
	for i := range events {
		if e := &events[i]; e.message != nil {
			r.sent(in, e.message, hashes[i])
		} else {
			in.replayConsumed(e.consumer, e.consumed)
		}
	}
}

// next ends the batch.
func (r *inboxReplay) next() {
	r.batches <- r.batch
	select {
	case r.batch = <-r.spare:
	default:
		r.batch = make([]inboxEvent, 0, len(r.batch))
	}
}

func (r *inboxReplay) end() {
	close(r.batches)
	r.ended.Wait()
}

func (r *inboxReplay) sent(in *inboxes, m *Message, hash uint32) {
	waiting := in.recovered.add(m.Target, hash)
	waiting.messages = append(waiting.messages, m)
	list := waiting.messages
	// The log has a batch's messages by sender.
	for i := len(list) - 1; i > 0 && list[i-1].Sequence > list[i].Sequence; i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
}

// replayConsumed forgets what the replay has seen consumed.
func (in *inboxes) replayConsumed(a functions.Address, consumed Sequence) {
	waiting := in.recovered.find(a)
	if waiting == nil {
		return
	}
	list := waiting.messages
	n := 0
	for n < len(list) && list[n].Sequence <= consumed {
		n++
	}
	clear(list[:n])
	if list = list[n:]; len(list) == 0 {
		list = waiting.one[:0]
	}
	waiting.messages = list
}

// replayed ends the replay: what it has left waits.
func (in *inboxes) replayed() {
	in.waiting = make([]*Message, 0, in.recovered.count)
	in.recovered.settle(func(messages []*Message) { in.waiting = append(in.waiting, messages...) })
}
