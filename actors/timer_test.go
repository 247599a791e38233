package actors

import (
	"testing"

	"github.com/statefun-go/statefun/persistence"
)

// A timer that is set and fires, or is cancelled, while timers are being read may
// lie behind what was read. The next read waits until its row is gone.
func TestTimersThatWentDuringAReadAreNotReadLater(t *testing.T) {
	t.Parallel()
	g := newTimers([]persistence.KeyGroup{0}, nearTimers).groups[0]
	g.reading, g.settled, g.gone = true, true, map[persistence.Sequence]bool{}
	late := &timer{due: 20, sequence: 2}
	g.add(late)
	g.cancel(late.key())
	g.take([]*timer{{due: 10, sequence: 1}}, false /* complete */)
	if g.settled || g.near.Len() != 1 {
		t.Errorf("settled %t, %d timers in memory, expected false and 1", g.settled, g.near.Len())
	}
}
