package bench

import (
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
)

// leapingClock is the real clock, put forward.
type leapingClock struct {
	environment.Clock
	ahead atomic.Int64
}

func newLeapingClock() *leapingClock { return &leapingClock{Clock: environment.Real().Clock} }

// Now implements environment.Clock.
func (c *leapingClock) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.ahead.Load())) }

func (c *leapingClock) leap(d time.Duration) { c.ahead.Add(int64(d)) }
