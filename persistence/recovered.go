package persistence

import (
	"hash/maphash"

	"github.com/statefun-go/statefun/functions"
)

// recovered are the messages that only the log had when the journal was opened, by
// address. There can be millions, and all are there before the first one is handled:
// so this is a table that is quick to fill. Inboxes never move; an address is where
// open addressing finds the number of its inbox.
type recovered struct {
	seed  maphash.Seed
	index hashIndex // of inboxes
	parts [][]recoveredInbox
	count int // inboxes, those that are empty by now among them
	left  int // of those, the ones with messages; from settle on
}

// recoveredInbox are an address's messages, in order.
type recoveredInbox struct {
	address  functions.Address
	hash     uint32
	messages []*Message
	one      [1]*Message // room for one, which most have
}

const recoveredPart = 1024 // inboxes

// init makes room for the addresses of about so many messages.
func (t *recovered) init(messages int64) {
	t.seed = maphash.MakeSeed()
	t.index = make(hashIndex, indexFor(int(messages)))
}

func (t *recovered) inbox(i int) *recoveredInbox {
	return &t.parts[i/recoveredPart][i%recoveredPart]
}

func (t *recovered) hash(a functions.Address) uint32 {
	return uint32(maphash.String(t.seed, a.ID)) + uint32(len(a.Type)) //nolint:gosec // half of it is enough
}

// search returns an address's inbox, or nil and where the index has room for it.
func (t *recovered) search(a functions.Address, hash uint32) (in *recoveredInbox, free uint32) {
	for at := t.index.first(hash); ; at = t.index.next(at) {
		i := int(t.index[at]) - 1
		if i < 0 {
			return nil, at
		}
		if in := t.inbox(i); in.hash == hash && in.address == a {
			return in, at
		}
	}
}

// find returns an address's inbox, nil if it has none.
func (t *recovered) find(a functions.Address) *recoveredInbox {
	if t.count == 0 {
		return nil
	}
	in, _ := t.search(a, t.hash(a))
	return in
}

// list returns an address's messages.
func (t *recovered) list(a functions.Address) []*Message {
	if in := t.find(a); in != nil {
		return in.messages
	}
	return nil
}

// add returns an address's inbox, a new one if it had none.
func (t *recovered) add(a functions.Address, hash uint32) *recoveredInbox {
	if 3*(t.count+1) > 2*len(t.index) {
		t.resize(max(2*len(t.index), indexFor(0)))
	}
	in, free := t.search(a, hash)
	if in != nil {
		return in
	}
	if t.count == len(t.parts)*recoveredPart {
		t.parts = append(t.parts, make([]recoveredInbox, recoveredPart))
	}
	in = t.inbox(t.count)
	in.address, in.hash, in.messages = a, hash, in.one[:0]
	t.index.set(free, t.count)
	t.count++
	return in
}

func (t *recovered) resize(size int) {
	t.index = newHashIndex(size, t.count, func(i int) uint32 { return t.inbox(i).hash })
}

// settle ends the filling, forgets the inboxes that are empty again and visits the
// messages of the others.
func (t *recovered) settle(visit func([]*Message)) {
	for i := range t.count {
		in := t.inbox(i)
		if len(in.messages) == 0 {
			in.forget()
			continue
		}
		t.left++
		visit(in.messages)
	}
	if t.left == 0 {
		*t = recovered{}
		return
	}
	if size := indexFor(t.count); size < len(t.index)/4 {
		t.resize(size)
	}
}

// set makes messages an inbox's; with none it is forgotten. It is for after settle.
func (t *recovered) set(in *recoveredInbox, messages []*Message) {
	if in.messages = messages; len(messages) > 0 {
		return
	}
	in.forget()
	if t.left--; t.left == 0 {
		*t = recovered{}
	}
}

// forget makes sure that nobody finds the inbox. Its hash stays, by which it has its
// place in the index.
func (in *recoveredInbox) forget() { *in = recoveredInbox{hash: in.hash} }

// addresses returns those of the next inboxes from a place on, and where to go on: 0
// at the end.
func (t *recovered) addresses(from int) (found []functions.Address, next int) {
	end := min(t.count, from+recoveredPart)
	for i := from; i < end; i++ {
		if in := t.inbox(i); len(in.messages) > 0 {
			found = append(found, in.address)
		}
	}
	if end >= t.count {
		end = 0
	}
	return found, end
}
