package programs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Touched states are of all kinds, and change at random. Beside them an address
// keeps a shadow: what it must find in them the next time. A state and its shadow
// are written by one transaction, in different ways.
type touched struct {
	shadow *functions.ValueState[shadow]
	blob   *functions.ValueState[[]byte] // small and large
	table  *functions.MapState[int64]
	queue  *functions.ListState[int64]
	lease  *functions.ValueState[int64] // expires after it was written
	recent *functions.ListState[int64]  // the same, as a list
	seat   *functions.ValueState[int64] // expires after the last invocation
	last   *functions.ValueState[int64] // twice the time of that, plus one if seat was there
}

// shadow is what the states should be.
type shadow struct {
	Blob    int              `json:"b,omitempty"` // its size and, as numbers differ, its content
	Fill    byte             `json:"f,omitempty"`
	Table   map[string]int64 `json:"t,omitempty"`
	Queue   []int64          `json:"q,omitempty"`
	Lease   int64            `json:"l,omitempty"` // until when, and what it is
	Recent  []int64          `json:"r,omitempty"`
	Recents int64            `json:"u,omitempty"` // until when
}

const (
	leaseTTL = 70 * time.Millisecond
	seatTTL  = 150 * time.Millisecond
)

func newTouched() touched {
	return touched{
		shadow: functions.Value("shadow", functions.JSON[shadow]("sim/shadow")),
		blob:   functions.Value("blob", functions.Bytes("sim/blob")),
		table:  functions.Map("table", functions.Int64),
		queue:  functions.List("queue", functions.Int64),
		lease:  functions.Value("lease", functions.Int64).ExpireAfterWrite(leaseTTL),
		recent: functions.List("recent", functions.Int64).ExpireAfterWrite(leaseTTL),
		seat:   functions.Value("seat", functions.Int64).ExpireAfterInvoke(seatTTL),
		last:   functions.Value("last", functions.Int64),
	}
}

func (t *touched) states() []functions.State {
	return []functions.State{t.shadow, t.blob, t.table, t.queue, t.lease, t.recent, t.seat, t.last}
}

// touch checks what an invocation finds and, unless the seed is 0, changes some.
func (t *touched) touch(ctx functions.Context, seed uint64, m *Machine) error {
	if err := t.checkSeat(ctx, m); err != nil {
		return err
	}
	if seed != 0 {
		rng := rand.New(rand.NewPCG(seed, 0))
		sh, _ := t.shadow.Get(ctx)
		if err := t.check(ctx, &sh, m); err != nil {
			return err
		}
		for range 1 + rng.IntN(4) {
			t.change(ctx, &sh, rng)
		}
		t.shadow.Set(ctx, sh)
	}
	_, seated := t.seat.Get(ctx)
	mark := 2 * now(ctx)
	if seated {
		mark++
	}
	t.last.Set(ctx, mark)
	return nil
}

func (t *touched) change(ctx functions.Context, sh *shadow, rng *rand.Rand) {
	switch v := rng.Int64N(1000); rng.IntN(12) {
	case 0:
		sh.Blob, sh.Fill = 1+rng.IntN(5000), byte(v)
		t.blob.Set(ctx, bytes.Repeat([]byte{sh.Fill}, sh.Blob))
	case 1:
		sh.Blob, sh.Fill = 0, 0
		t.blob.Clear(ctx)
	case 2, 3:
		key := fmt.Sprint("key", v%5)
		if sh.Table == nil {
			sh.Table = map[string]int64{}
		}
		sh.Table[key] = v
		t.table.Set(ctx, key, v)
	case 4:
		key := fmt.Sprint("key", v%5)
		delete(sh.Table, key)
		t.table.Delete(ctx, key)
	case 5, 6:
		sh.Queue = append(sh.Queue, v)
		t.queue.Append(ctx, v)
	case 7:
		n := min(len(sh.Queue), int(v)%3)
		sh.Queue = sh.Queue[n:]
		t.queue.DropFirst(ctx, n)
	case 8:
		t.clear(ctx, sh, v)
	case 9:
		sh.Lease = now(ctx) + leaseTTL.Milliseconds()
		t.lease.Set(ctx, sh.Lease)
	case 10:
		if t.recent.Len(ctx) == 0 {
			sh.Recent = nil
		}
		sh.Recent, sh.Recents = append(sh.Recent, v), now(ctx)+leaseTTL.Milliseconds()
		t.recent.Append(ctx, v)
	default:
		t.seat.Set(ctx, v)
	}
}

func (t *touched) clear(ctx functions.Context, sh *shadow, v int64) {
	if v%2 == 0 {
		sh.Table = nil
		t.table.Clear(ctx)
	} else {
		sh.Queue = nil
		t.queue.Clear(ctx)
	}
}

// check compares what is there with the shadow.
func (t *touched) check(ctx functions.Context, sh *shadow, m *Machine) error {
	found := Found{Now: now(ctx), Latest: m.Latest(), Table: maps.Collect(t.table.All(ctx))}
	found.Blob, _ = t.blob.Get(ctx)
	for _, v := range t.queue.All(ctx) {
		found.Queue = append(found.Queue, v)
	}
	for _, v := range t.recent.All(ctx) {
		found.Recent = append(found.Recent, v)
	}
	found.Lease, _ = t.lease.Get(ctx)
	return sh.differs(&found)
}

// Found is what somebody finds in the touched states.
type Found struct {
	Now, Latest int64 // milliseconds since 1970, see Machine.Latest
	Blob        []byte
	Table       map[string]int64
	Queue       []int64
	Recent      []int64
	Lease       int64
}

// Check compares it with the encoded shadow that was found beside it.
func (f *Found) Check(encoded []byte) error {
	var sh shadow
	if len(encoded) > 0 {
		if err := json.Unmarshal(encoded, &sh); err != nil {
			return fmt.Errorf("programs: shadow: %w", err)
		}
	}
	return sh.differs(f)
}

func (sh *shadow) differs(f *Found) error {
	switch {
	case !bytes.Equal(f.Blob, bytes.Repeat([]byte{sh.Fill}, sh.Blob)):
		return fmt.Errorf("a blob of %d bytes, expected %d times %d", len(f.Blob), sh.Blob, sh.Fill)
	case !maps.Equal(f.Table, sh.Table):
		return fmt.Errorf("the table %v, expected %v", f.Table, sh.Table)
	case !slices.Equal(f.Queue, sh.Queue):
		return fmt.Errorf("the queue %v, expected %v", f.Queue, sh.Queue)
	}
	if err := f.expected("lease", f.Lease != 0, sh.Lease); err != nil {
		return err
	}
	if err := f.expected("recent", len(f.Recent) > 0, sh.Recents); err != nil {
		return err
	}
	switch {
	case f.Lease != 0 && f.Lease != sh.Lease:
		return fmt.Errorf("the lease %d, expected %d", f.Lease, sh.Lease)
	case len(f.Recent) > 0 && !slices.Equal(f.Recent, sh.Recent):
		return fmt.Errorf("recent %v, expected %v", f.Recent, sh.Recent)
	}
	return nil
}

// expected judges whether a state may be there, or not, that expires at a time.
// What has expired may be seen once more when the clock is set back.
func (f *Found) expected(name string, present bool, expires int64) error {
	switch {
	case present && f.Now >= expires:
		return fmt.Errorf("%s expired at %d, and is there at %d", name, expires, f.Now)
	case !present && f.Latest < expires:
		return fmt.Errorf("%s expires at %d, and is gone before, no clock has shown more than %d", name, expires, f.Latest)
	}
	return nil
}

// checkSeat judges the state that each invocation gives more life.
func (t *touched) checkSeat(ctx functions.Context, m *Machine) error {
	mark, _ := t.last.Get(ctx)
	_, present := t.seat.Get(ctx)
	f := Found{Now: now(ctx), Latest: m.Latest()}
	until := mark/2 + seatTTL.Milliseconds()
	seated := mark%2 == 1
	switch {
	case !present && !seated:
		return nil
	case present && !seated && f.Latest <= f.Now:
		return fmt.Errorf("seat is there at %d, it was not at %d", f.Now, mark/2)
	case m.Book.failing[ctx.Self().ID]:
		return nil // setting a message aside is an invocation, too, and maybe by a clock that was set back
	}
	return f.expected("seat", present, until)
}
