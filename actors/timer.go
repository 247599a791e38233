package actors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tidwall/btree"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// timer is a delayed message. It belongs to the key group of its sender, and its
// row is its truth; memory holds the next few of each key group.
type timer struct {
	group    persistence.KeyGroup
	due      int64 // milliseconds since 1970
	sequence persistence.Sequence
	token    string // the sender's id is its scope
	message  *persistence.Message
}

func (t *timer) key() []byte { return persistence.TimerKey(t.group, t.due, t.sequence) }

const timerVersion = 1

func (t *timer) row() persistence.Row {
	v := append(make([]byte, 0, 1+binary.MaxVarintLen32+len(t.token)+persistence.EncodedBytes(t.message)), timerVersion)
	v = binary.AppendUvarint(v, uint64(len(t.token)))
	v = append(v, t.token...)
	return persistence.Row{Key: t.key(), Value: persistence.AppendMessage(v, t.message)}
}

func decodeTimer(row persistence.Row, names *persistence.TypeNames) (*timer, error) {
	g, due, s, err := persistence.CutTimerKey(row.Key)
	if err != nil {
		return nil, err
	}
	t := &timer{group: g, due: due, sequence: s}
	if len(row.Value) == 0 || row.Value[0] != timerVersion {
		return nil, fmt.Errorf("actors: timer %x is malformed", row.Key)
	}
	n, k := binary.Uvarint(row.Value[1:])
	rest := row.Value[1+max(k, 0):]
	if k <= 0 || n > uint64(len(rest)) {
		return nil, fmt.Errorf("actors: timer %x is malformed", row.Key)
	}
	t.token = string(rest[:n])
	t.message, _, err = persistence.DecodeMessage(rest[n:], names)
	return t, err
}

// SendAfter implements functions.Driver.
func (inv *invocation) SendAfter(delay time.Duration, to functions.Address, m functions.Message, token string) {
	if delay < 0 {
		inv.Fail(functions.Permanent(fmt.Errorf("negative delay %v", delay)))
		return
	}
	due := inv.engine.env.Clock.Now().UnixMilli() + 1 + delay.Milliseconds()
	if delay == 0 {
		due-- // at once
	}
	if due > maxDue {
		inv.Fail(functions.Permanent(fmt.Errorf("a delay of %v overflows the clock", delay)))
		return
	}
	if !isWaitingClient(to) && !inv.checkTarget(to) || !inv.account(1, 192+len(m.Value)) {
		return
	}
	t := &timer{
		group: inv.grain.record.Group, due: due, sequence: inv.worker.queue.next(), token: token,
		message: &persistence.Message{Target: to, Caller: inv.message.Target, Type: m.Type, Value: m.Value},
	}
	if token != "" && !inv.claim(t) {
		return
	}
	inv.put(t.key(), t.row().Value)
	inv.effects.timers = append(inv.effects.timers, t)
}

// maxDue is in the year 2262, beyond which a time in nanoseconds overflows.
const maxDue = math.MaxInt64 / int64(time.Millisecond)

var errToken = errors.New("trying to associate a message with a cancellation token, but a message with the same cancellation token exists")

// claim associates the timer with its token.
func (inv *invocation) claim(t *timer) bool {
	key := persistence.TokenKey(t.group, inv.message.Target.ID, t.token)
	if _, taken := inv.get(key); taken {
		inv.Fail(functions.Permanent(fmt.Errorf("%w: %q of id %q", errToken, t.token, inv.message.Target.ID)))
		return false
	}
	inv.put(key, t.key())
	return true
}

// reclaimTokens checks the tokens of an invocation that ran off its worker again:
// another one of the same id may have claimed them meanwhile.
func (w *worker) reclaimTokens(inv *invocation) error {
	for _, t := range inv.effects.timers {
		if t.token == "" {
			continue
		}
		key := persistence.TokenKey(t.group, inv.message.Target.ID, t.token)
		if inv.released(key) {
			continue
		}
		taken, err := w.hasRow(key)
		if err != nil {
			return err
		}
		if taken {
			return functions.Permanent(fmt.Errorf("%w: %q of id %q", errToken, t.token, inv.message.Target.ID))
		}
	}
	return nil
}

// released reports whether the first thing that the invocation did with a token
// was to cancel it.
func (inv *invocation) released(key []byte) bool {
	for i := range inv.effects.rows {
		if r := &inv.effects.rows[i]; bytes.Equal(r.Key, key) {
			return r.Delete
		}
	}
	return false
}

func (w *worker) hasRow(key []byte) (bool, error) {
	if r, ok := w.recent.get(key); ok {
		return !r.Delete, nil
	}
	_, ok, err := w.engine.journal.Get(key)
	return ok, err
}

// Cancel implements functions.Driver. A token that is unknown, or whose message
// was sent, is no error.
func (inv *invocation) Cancel(token string) {
	if !inv.alive() {
		return
	}
	key := persistence.TokenKey(inv.grain.record.Group, inv.message.Target.ID, token)
	timerKey, ok := inv.get(key)
	if !ok {
		return
	}
	inv.remove(key)
	inv.remove(timerKey)
	inv.effects.removed = append(inv.effects.removed, persistence.Row{Key: timerKey})
}

// timers are a worker's pending timers. For each key group the next ones are in
// memory, those from the horizon on are rows only.
type timers struct {
	groups map[persistence.KeyGroup]*groupTimers
	turn   int // of the groups to be first
	alarm  alarm
	next   int64 // when the first is due
	quiet  bool  // before that there is nothing to do
}

func (ts *timers) add(t *timer) {
	ts.quiet = false
	ts.groups[t.group].add(t)
}

func (ts *timers) cancel(g persistence.KeyGroup, key []byte) {
	ts.quiet = false
	ts.groups[g].cancel(key)
}

type groupTimers struct {
	group persistence.KeyGroup
	near  *btree.BTreeG[*timer]
	most  int // of near, about
	// From the horizon on timers are only rows; at the start all are.
	horizonDue int64
	horizonSeq persistence.Sequence
	// reading says that rows are being read, gone are the timers that were
	// cancelled or fired meanwhile.
	reading bool
	gone    map[persistence.Sequence]bool
	// Reading must not begin before batch after is readable; settled says that
	// after covers all changes beyond the horizon.
	after   persistence.BatchNumber
	settled bool
}

const (
	nearTimers = 512 // of one key group, in memory
	noHorizon  = math.MaxInt64
)

func newTimers(groups []persistence.KeyGroup, most int) *timers {
	ts := &timers{groups: map[persistence.KeyGroup]*groupTimers{}}
	less := func(a, b *timer) bool {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.sequence, b.sequence)) < 0
	}
	for _, g := range groups {
		near := btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: 8})
		ts.groups[g] = &groupTimers{group: g, near: near, most: most, horizonDue: math.MinInt64}
	}
	return ts
}

// add takes a timer whose transaction has been staged.
func (g *groupTimers) add(t *timer) {
	if !g.reading && !g.before(t) {
		g.settled = false
		return
	}
	g.near.Set(t)
	if g.near.Len() > 2*g.most && !g.reading {
		g.shrink()
	}
}

// before reports whether t is nearer than the horizon.
func (g *groupTimers) before(t *timer) bool {
	return t.due < g.horizonDue || t.due == g.horizonDue && t.sequence < g.horizonSeq
}

// shrink draws the horizon nearer.
func (g *groupTimers) shrink() {
	for g.near.Len() > g.most {
		t, _ := g.near.PopMax()
		g.horizonDue, g.horizonSeq = t.due, t.sequence
	}
	g.settled = false
}

func (g *groupTimers) cancel(key []byte) {
	_, due, s, err := persistence.CutTimerKey(key)
	if err != nil {
		return
	}
	t := &timer{due: due, sequence: s}
	if g.reading {
		g.gone[s] = true
	}
	if _, ok := g.near.Delete(t); !ok && !g.before(t) {
		g.settled = false // its row may still be readable
	}
}

// take merges what was read; complete says that there is no more.
func (g *groupTimers) take(read []*timer, complete bool) {
	g.reading = false
	g.horizonDue, g.horizonSeq = noHorizon, 0
	if !complete {
		last := read[len(read)-1]
		g.horizonDue, g.horizonSeq = last.due, last.sequence+1
	}
	for _, t := range read {
		if !g.gone[t.sequence] {
			g.near.Set(t)
		}
	}
	if len(g.gone) > 0 && !complete {
		g.settled = false // their rows may be behind the new horizon, and readable
	}
	g.gone = nil
	for {
		t, ok := g.near.Max()
		if !ok || g.before(t) {
			break
		}
		g.near.PopMax()
		g.settled = false
	}
}

// wantsRead reports whether timers beyond the horizon are needed by now.
func (g *groupTimers) wantsRead() bool {
	return !g.reading && g.horizonDue != noHorizon && g.near.Len() == 0
}

// runTimers fires what is due, reads on where memory ran dry, and sets the alarm.
func (w *worker) runTimers() {
	ts := w.timers
	if ts.quiet && w.now < ts.next {
		return
	}
	next, budget := int64(math.MaxInt64), fireTogether
	if w.engine.overrun() {
		budget = 0 // the alarm comes again
	}
	ts.turn++
	ts.quiet = true
	for i := range w.groups {
		g := ts.groups[w.groups[(ts.turn+i)%len(w.groups)]]
		budget -= w.fireDue(g, budget)
		if g.wantsRead() {
			w.readTimers(g)
			ts.quiet = ts.quiet && g.reading
		}
		if t, ok := g.near.Min(); ok {
			next = min(next, t.due)
		}
	}
	ts.next = next
	ts.alarm.set(w, next)
}

// fireTogether is how many timers one step fires at most: what is due at once must
// not be in memory at once.
const fireTogether = 2048

// fireDue fires up to most of the timers that are due, and returns how many.
func (w *worker) fireDue(g *groupTimers, most int) (n int) {
	for ; n < most; n++ {
		t, ok := g.near.Min()
		if !ok || t.due > w.now {
			break
		}
		g.near.PopMin()
		if g.reading {
			g.gone[t.sequence] = true
		}
		w.fire(t)
	}
	return n
}

// fire sends a timer's message, in the transaction that removes the timer.
func (w *worker) fire(t *timer) {
	tx := w.stageEvent()
	tx.Rows = append(tx.Rows, persistence.Row{Key: t.key(), Delete: true})
	if t.token != "" {
		key := persistence.TokenKey(t.group, t.message.Caller.ID, t.token)
		tx.Rows = append(tx.Rows, persistence.Row{Key: key, Delete: true})
		w.recent.add(tx.Rows[len(tx.Rows)-1:])
	}
	if to := t.message.Target; isWaitingClient(to) {
		answer := Answer{Message: functions.Message{Type: t.message.Type, Value: t.message.Value}}
		tx.Durable = append(tx.Durable, func() { w.engine.calls.answer(to.ID, answer) })
	}
	if t.message.Type == nudgeType || w.engine.has(t.message.Target.Type) {
		tx.Sends = append(tx.Sends, t.message)
	}
}

// readTimers reads the next rows of a key group, once everything beyond its
// horizon is readable.
func (w *worker) readTimers(g *groupTimers) {
	if !g.settled {
		if len(w.staged) > 0 {
			return // they may hold timers: after the next flush
		}
		g.after, g.settled = w.appended, true
	}
	w.wantsSync.Store(true) // before the look, so that none is missed
	if g.after > w.engine.journal.Durable() {
		return
	}
	g.reading, g.gone = true, map[persistence.Sequence]bool{}
	r := persistence.TimerRange(g.group)
	if g.horizonDue != math.MinInt64 {
		r.Low = persistence.TimerKey(g.group, g.horizonDue, g.horizonSeq)
	}
	w.engine.background("read timers", func() {
		read, complete, err := w.engine.readTimers(r, g.most)
		w.post(func(w *worker) {
			if err != nil {
				w.engine.fail(err)
				return
			}
			g.take(read, complete)
			w.timers.quiet = false
		})
	})
}

func (e *Engine) readTimers(r persistence.KeyRange, n int) (read []*timer, complete bool, err error) {
	rows, next, err := e.journal.Scan(r, n)
	for next != nil && len(rows) == 0 && err == nil { // only deleted ones so far
		r.Low = next
		rows, next, err = e.journal.Scan(r, n)
	}
	var names persistence.TypeNames
	for _, row := range rows {
		t, err := decodeTimer(row, &names)
		if err != nil {
			return nil, false, err
		}
		read = append(read, t)
	}
	return read, next == nil, err
}

// alarm wakes the worker for its next timer.
type alarm struct {
	at    int64
	timer environment.Timer
}

func (a *alarm) set(w *worker, at int64) {
	if at == a.at && a.timer != nil || at == math.MaxInt64 {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.at = at
	d := max(time.Millisecond, time.Duration(at-w.now)*time.Millisecond)
	// A clock that leaps is found out after a second at most.
	a.timer = w.engine.env.Clock.AfterFunc(min(d, time.Second), func() {
		w.post(func(w *worker) { w.timers.alarm.timer, w.timers.quiet = nil, false })
	})
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
