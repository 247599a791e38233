package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

func TestTimers(t *testing.T) {
	t.Parallel()
	r := measure(t, "timers --timers 3000 --addresses 20 --payload 9").Timers
	if r == nil || r.Timers != 3000 || r.Addresses != 20 || r.PayloadBytes != 9 || r.SetPerSecond <= 0 || r.FiredPerSecond <= 0 ||
		r.AllocsPerTimer <= 0 || r.DiskBytesPerTimer <= 0 {
		t.Errorf("got %+v", r)
	}
}

// A timer that fires twice, one that does not count, and one too many are errors.
func TestTimersAreCounted(t *testing.T) {
	t.Parallel()
	all, clock := newTimers(timersConfig{timers: 100, addresses: 3, payload: 8}), newLeapingClock()
	err := withNode(t.Context(), startNode, t.TempDir(), NodeConfig{HTTP: "off", Clock: clock}, func(n Node) error {
		if err := (&TimersReport{Timers: 100}).measure(t.Context(), n.Engine(), all, clock); err != nil {
			return err
		}
		all.seen[7].Store(false)
		all.cfg.timers++
		if err := all.verify(t.Context(), n.Engine()); err == nil || !strings.Contains(err.Error(), "counted 100 timers of 101") {
			t.Errorf("with a timer less: %v", err)
		}
		again := functions.Address{Type: timersType, ID: "0"}
		if err := n.Engine().Send(t.Context(), again, due.Of(make([]byte, numberBytes))); err != nil {
			return err
		}
		if err := all.verify(t.Context(), n.Engine()); err == nil || !strings.Contains(err.Error(), "1 timers fired twice") {
			t.Errorf("with a timer too many: %v", err)
		}
		return nil
	}, all.function())
	if err != nil {
		t.Error(err)
	}
}

func TestLeapingClock(t *testing.T) {
	t.Parallel()
	c := newLeapingClock()
	before := time.Now()
	c.leap(time.Hour)
	if got := c.Now().Sub(before); got < time.Hour || got > time.Hour+time.Minute {
		t.Errorf("it leapt by %v", got)
	}
}

func TestTimersUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"timers --timers 1":    "--timers: expected 2 to",
		"timers --addresses 0": "--addresses: expected 1 to",
		"timers --payload 7":   "--payload: expected 8 to",
	} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
