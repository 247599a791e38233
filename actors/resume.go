package actors

import (
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// resume is a worker's search for addresses that had messages waiting at the
// start: first those that the journal knows by name, then, in the background, by
// passes over what is stored of each key group. The node runs meanwhile: an address
// that gets a message is activated by it, and reads its own messages.
type resume struct {
	named   bool                   // the journal knows more by name,
	place   int                    // from here on
	groups  []persistence.KeyGroup // not passed over yet
	from    []byte                 // where to go on in the first of them
	reading bool
	found   []functions.Address
	next    int64 // when to look again, milliseconds since 1970
	looked  int   // evictions without success, since the last
}

func (r *resume) unfinished() bool { return r.named || len(r.groups)+len(r.found) > 0 }

// searchAgain is how often a pass finds out anew what is stored.
const searchAgain = 30 * time.Second

// begin begins the search, or does it again, if anything may be stored at all.
func (w *worker) beginSearch() {
	r := &w.resume
	if r.unfinished() || w.now < r.next {
		return
	}
	r.next = w.now + searchAgain.Milliseconds()
	for _, g := range w.groups {
		if w.engine.journal.MayStore(g) {
			r.groups = append(r.groups, g)
		}
	}
}

// resumeWaiting activates what the search has found, as many at a time as there is
// room for, and has it go on. It reports whether there is more to do at once.
func (w *worker) resumeWaiting() (more bool) {
	r, d := &w.resume, &w.directory
	if d.loading.Load() > maxLoading/2 {
		return false // what is read wakes the worker, and ingresses are not kept waiting
	}
	if len(r.found) == 0 && r.named {
		w.nextNamed()
	}
	for n := 0; n < 4*loadTogether && len(r.found) > 0; n++ {
		a := r.found[0]
		hash := d.hash(a)
		if d.grains.find(hash, a) == nil {
			if d.grains.n >= d.limit && !w.makeRoom() {
				// Those that are idle may have to become durable.
				w.wantsSync.Store(true)
				return r.looked*evictLooks < 2*len(d.all)
			}
			r.looked = 0
			w.activate(a, hash)
		}
		r.found = r.found[1:]
	}
	if len(r.found) == 0 && !r.named && len(r.groups) > 0 && !r.reading {
		w.search()
	}
	return r.named || len(r.found) > 0
}

// nextNamed finds the next addresses that the journal knows by name. Those of other
// workers are among them, which look for them themselves: a start with a million
// waits for no sorting.
func (w *worker) nextNamed() {
	r, e := &w.resume, w.engine
	r.found, r.place = e.journal.RecoveredInboxes(r.place)
	r.found = slices.DeleteFunc(r.found, func(a functions.Address) bool {
		return e.workers[e.workerOf[e.journal.Group(a.ID)]] != w
	})
	r.named = r.place > 0
}

// makeRoom passivates a grain, if it finds one that may go.
func (w *worker) makeRoom() bool {
	d := &w.directory
	w.resume.looked++
	w.evict(1)
	return d.grains.n < d.limit
}

// search reads on.
func (w *worker) search() {
	r := &w.resume
	r.reading = true
	group, from := r.groups[0], r.from
	w.engine.background("resume", func() {
		found, next, err := w.engine.journal.Stored(group, from)
		w.post(func(w *worker) {
			if err != nil {
				w.engine.fail(err)
				return
			}
			r.reading, r.found, r.from = false, found, next
			if next == nil {
				r.groups = r.groups[1:]
			}
		})
	})
}
