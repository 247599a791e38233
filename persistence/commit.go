package persistence

import (
	"slices"
	"sync/atomic"
	"time"
)

// committer belongs to the commit task: it seals, writes and releases one batch
// after the other. A batch takes two steps, so that the next one fills (and in
// a simulation other tasks run) between write and sync.
type committer struct {
	next    BatchNumber
	open    atomic.Uint64 // next, for others
	written *batch        // written, not synced
	inHand  atomic.Int64  // bytes that are to be written for the sealed batch before they are owed
	encoder encoder
	spare   [][]*batchPart // parts to use again
	egress  []EgressRecord
	sealed  time.Time
}

func (j *Journal) commitStep() (more bool) {
	if j.stopped.Load() != nil && j.commit.written == nil {
		return false
	}
	var err error
	if b := j.commit.written; b != nil {
		j.commit.written = nil
		err = j.finish(b)
	} else if b := j.seal(); b != nil {
		err = j.write(b)
		j.commit.written = b
	} else {
		return false
	}
	if err != nil {
		j.commit.written = nil
		j.stop(err)
		return false
	}
	return true
}

// seal closes the open batch for all shards at once and opens the next one. It
// returns nil if the open batch is empty.
func (j *Journal) seal() *batch {
	fresh := j.spareParts()
	for _, s := range j.shards {
		s.mu.Lock()
	}
	b := &batch{number: j.commit.next, parts: fresh}
	empty, inHand := true, int64(0)
	for _, s := range j.shards {
		empty = empty && s.part.empty()
		inHand += 2 * int64(s.part.size)
	}
	if !empty {
		j.commit.next++
		j.large.Store(0)
		j.commit.open.Store(uint64(j.commit.next))
		j.commit.inHand.Store(inHand) // before the shards have it no more
		for i, s := range j.shards {
			s.part, b.parts[i] = b.parts[i], s.part
			s.number = j.commit.next
			s.inHand.Store(0)
		}
		j.commit.encoder.begin(j.opts.Highest())
	}
	for _, s := range j.shards {
		s.mu.Unlock()
	}
	if empty {
		j.commit.spare = append(j.commit.spare, fresh)
		return nil
	}
	j.signalRoom()
	return b
}

func (j *Journal) signalRoom() {
	if j.wanted.Swap(false) {
		j.opts.Room()
	}
}

func (j *Journal) spareParts() []*batchPart {
	if n := len(j.commit.spare); n > 0 {
		parts := j.commit.spare[n-1]
		j.commit.spare = j.commit.spare[:n-1]
		return parts
	}
	parts := make([]*batchPart, len(j.shards))
	for i := range parts {
		parts[i] = &batchPart{}
	}
	return parts
}

// write encodes the batch and appends it to the log. A message that the same
// batch consumes is left out: nobody but its sender and receiver ever saw it.
func (j *Journal) write(b *batch) error {
	j.commit.sealed = j.opts.Environment.Clock.Now()
	e := &j.commit.encoder
	for _, p := range b.parts {
		for i := range p.slots {
			s := &p.slots[i]
			e.record(p.names.names[s.name], p.image[s.id:s.idEnd], p.image[s.value:s.valueEnd])
		}
		j.encodeSent(b.number, p)
		for i := range p.rows {
			e.row(&p.rows[i])
		}
		for i := range p.egress {
			r := egressRow(&p.egress[i])
			p.rows = append(p.rows, r)
			e.row(&r)
		}
		for _, c := range p.clears {
			e.clear(c)
		}
	}
	j.metrics.batches.Add(1)
	j.metrics.logBytes.Add(uint64(len(e.b)))
	size := int64(len(e.b))
	j.commit.inHand.Store(2 * size)
	j.space.wrote(size)
	err := j.log.Append(uint64(b.number), e.b)
	j.commit.inHand.Store(size) // the flush
	return err
}

// encodeSent writes the messages that outlive the batch and keeps only those.
func (j *Journal) encodeSent(n BatchNumber, p *batchPart) {
	kept := p.sent[:0]
	for _, m := range p.sent {
		if m.consumedBy(n) {
			continue
		}
		j.commit.encoder.message(m)
		kept = append(kept, m)
	}
	j.metrics.messages.Add(uint64(len(p.sent)))
	j.metrics.elided.Add(uint64(len(p.sent) - len(kept)))
	clear(p.sent[len(kept):])
	p.sent = kept
}

// finish makes the written batch durable and visible, and releases what waited.
func (j *Journal) finish(b *batch) error {
	if err := j.log.Sync(); err != nil {
		return err
	}
	j.show(b)
	j.durable.Store(uint64(b.number))
	j.metrics.syncNanos.Store(int64(j.opts.Environment.Clock.Now().Sub(j.commit.sealed)))
	j.release(b)
	j.opts.Synced(b.number)
	j.inboxes.prune(b.number)
	j.recycle(b)
	j.materializer.consider(j)
	return nil
}

// show puts the batch into the overlay.
func (j *Journal) show(b *batch) {
	// The messages first: a materialization in between then finds them.
	for _, p := range b.parts {
		j.inboxes.add(p.sent)
	}
	j.overlay.take(b, int64(len(j.commit.encoder.b)))
	j.commit.inHand.Store(0) // it is owed
}

// release runs what waited for the batch: law 2.
func (j *Journal) release(b *batch) {
	out := j.commit.egress[:0]
	for _, p := range b.parts {
		out = append(out, p.egress...)
	}
	if len(out) > 0 {
		slices.SortFunc(out, func(a, b EgressRecord) int { return int(int64(a.Sequence) - int64(b.Sequence)) })
		j.opts.Egress(out)
		clear(out)
	}
	j.commit.egress = out[:0]
	for _, p := range b.parts {
		for _, f := range p.durable {
			f()
		}
	}
}

func (j *Journal) recycle(b *batch) {
	for _, p := range b.parts {
		p.reset()
	}
	j.commit.spare = append(j.commit.spare, b.parts)
}
