//go:build e2e

package limits

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

const timerType functions.TypeName = "limits/timer"

// Five million timers are pending at once; each fires once. COMPAT 31.
func TestTimers(t *testing.T) {
	launch(t, task{Role: "timers", Dir: t.TempDir(), Messages: scaled(t, 1_000_000, 5_000_000)}).ends(most)
}

func timersRole(c *child) {
	const each = 1000
	fired := make([]atomic.Uint32, c.Messages)
	var all, twice atomic.Int64
	began := time.Now()
	// All are due within a second, when all have been set: 150,000 a second are.
	wait := 2*time.Second + time.Duration(c.Messages/150)*time.Millisecond
	setter := functions.Function{Type: timerType, Handlers: []functions.Handler{
		functions.On(functions.Int64, func(ctx functions.Context, from int64) error {
			for i := range int64(each) {
				m := functions.Message{Type: payload.Name(), Value: binary.BigEndian.AppendUint64(nil, uint64(from+i))}
				due := time.Until(began.Add(wait + time.Duration(i)*time.Millisecond))
				ctx.SendAfter(max(0, due), ctx.Self(), m)
			}
			return nil
		}),
		functions.On(payload, func(_ functions.Context, b []byte) error {
			if fired[binary.BigEndian.Uint64(b)].Add(1) > 1 {
				twice.Add(1)
			}
			all.Add(1)
			return nil
		}),
	}}
	c.start(statefun.Config{}, setter)
	for i := 0; i < c.Messages/each; i += 10 {
		var out []actors.Outgoing
		for k := i; k < min(i+10, c.Messages/each); k++ {
			out = append(out, actors.Outgoing{To: timerType.At(fmt.Sprint(k)), Message: functions.Int64.Of(int64(k * each))})
		}
		c.sendAll(out)
	}
	c.settle()
	c.stage("set", began)
	c.say("pending", float64(int64(c.Messages)-all.Load()))
	time.Sleep(time.Until(began.Add(wait))) //nolint:forbidigo // until they are due
	due := time.Now()
	want := int64(c.Messages / each * each)
	for all.Load() < want {
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // an observer
	}
	c.stage("fired", due)
	c.settle()
	if n := twice.Load(); n > 0 || all.Load() != want {
		c.fail("%d timers fired, want %d; %d fired twice", all.Load(), want, n)
	}
	c.stop()
}
