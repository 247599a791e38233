package environment

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counter is a task that moves what is published to it, one at a time.
type counter struct {
	published atomic.Int64
	seen      atomic.Int64
	inStep    atomic.Int32
	overlaps  atomic.Int32
}

func (c *counter) step() bool {
	if c.inStep.Add(1) > 1 {
		c.overlaps.Add(1)
	}
	defer c.inStep.Add(-1)
	if c.seen.Load() < c.published.Load() {
		c.seen.Add(1)
	}
	return c.seen.Load() < c.published.Load()
}

func (c *counter) await(t *testing.T, n int64) {
	t.Helper()
	await(t, func() bool { return c.seen.Load() >= n })
}

// await yields until the condition holds.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("condition does not hold in time")
		}
	}
}

func TestRealTaskIsWokenAtStart(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 1)
	task := Real().Dispatcher.Start("once", func() bool { ran <- struct{}{}; return false })
	<-ran
	task.Stop()
	task.Stop()
}

func TestRealTaskRunsUntilNoMore(t *testing.T) {
	t.Parallel()
	var c counter
	c.published.Store(1000)
	task := Real().Dispatcher.Start("counter", c.step)
	defer task.Stop()
	c.await(t, 1000)
}

func TestRealWakeDuringStepCausesAnother(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	task := Real().Dispatcher.Start("gate", func() bool {
		entered <- struct{}{}
		<-leave
		return false
	})
	<-entered
	task.Wake()
	task.Wake()
	leave <- struct{}{}
	<-entered
	leave <- struct{}{}
	task.Stop()
}

func TestRealWakeStorm(t *testing.T) {
	t.Parallel()
	var c counter
	task := Real().Dispatcher.Start("counter", c.step)
	const wakers, each = 8, 500
	var group sync.WaitGroup
	for range wakers {
		group.Go(func() {
			for range each {
				c.published.Add(1)
				task.Wake()
			}
		})
	}
	group.Wait()
	c.await(t, wakers*each)
	task.Stop()
	if n := c.overlaps.Load(); n > 0 {
		t.Errorf("%d steps overlapped", n)
	}
}

// A Wake for each piece of work, and only after the previous was seen, parks the
// task each time: a lost one hangs.
func TestRealWakePingPong(t *testing.T) {
	t.Parallel()
	var c counter
	task := Real().Dispatcher.Start("counter", c.step)
	defer task.Stop()
	for i := range int64(300) {
		c.published.Add(1)
		task.Wake()
		c.await(t, i+1)
	}
}

func TestRealStopStorm(t *testing.T) {
	t.Parallel()
	for range 8 {
		var stopped atomic.Bool
		var late atomic.Int32
		task := Real().Dispatcher.Start("stopped", func() bool {
			if stopped.Load() {
				late.Add(1)
			}
			return true
		})
		var group sync.WaitGroup
		for range 4 {
			group.Go(task.Wake)
			group.Go(task.Stop)
		}
		group.Wait()
		stopped.Store(true)
		task.Wake()
		task.Stop()
		if late.Load() > 0 {
			t.Fatal("a step ran after Stop")
		}
	}
}

func TestRealStopWaitsForStep(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	var left atomic.Bool
	enter := sync.OnceFunc(func() { close(entered) })
	task := Real().Dispatcher.Start("slow", func() bool {
		enter()
		<-leave
		left.Store(true)
		return true
	})
	<-entered
	go close(leave)
	task.Stop()
	if !left.Load() {
		t.Error("Stop did not wait")
	}
}

// A hung task is a task whose first step does not return before release.
func startHung(t *testing.T, rest func() bool) (task Task, release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	var first atomic.Bool
	task = Real().Dispatcher.Start("hung", func() bool {
		if !first.CompareAndSwap(false, true) {
			return rest()
		}
		close(entered)
		<-leave
		close(ended)
		return true
	})
	<-entered
	return task, func() { close(leave); <-ended }
}

func TestRealAbandon(t *testing.T) {
	t.Parallel()
	var c counter
	task, release := startHung(t, c.step)
	c.published.Store(1)
	task.Abandon()
	c.await(t, 1)

	release()
	for i := range int64(100) {
		c.published.Add(1)
		task.Wake()
		c.await(t, i+2)
	}
	task.Stop()
	if n := c.overlaps.Load(); n > 0 {
		t.Errorf("%d steps overlapped", n)
	}
}

func TestRealStopDoesNotWaitForAbandonedStep(t *testing.T) {
	t.Parallel()
	task, release := startHung(t, func() bool { return false })
	task.Abandon()
	task.Stop()
	task.Stop()
	release()
}

func TestRealAbandonReleasesStop(t *testing.T) {
	t.Parallel()
	task, release := startHung(t, func() bool { t.Error("a step ran after Stop"); return false })
	stopped := make(chan struct{})
	go func() {
		task.Stop()
		close(stopped)
	}()
	await(t, func() bool { return task.(*realTask).current.Load().state.Load() == ended })
	task.Abandon()
	<-stopped
	task.Wake()
	release()
}

func TestRealAbandonParked(t *testing.T) {
	t.Parallel()
	var c counter
	task := Real().Dispatcher.Start("counter", c.step)
	for i := range int64(50) {
		task.Abandon()
		c.published.Add(1)
		task.Wake()
		c.await(t, i+1)
	}
	task.Stop()
}

func TestRealStorm(t *testing.T) {
	t.Parallel()
	var c counter
	task := Real().Dispatcher.Start("counter", c.step)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 200 {
				c.published.Add(1)
				task.Wake()
				if i%20 == 0 {
					task.Abandon()
				}
			}
		})
	}
	group.Wait()
	c.await(t, 800)
	group.Go(task.Abandon)
	group.Go(task.Stop)
	group.Go(task.Wake)
	group.Wait()
	task.Stop()
	await(t, func() bool { return c.inStep.Load() == 0 })
}

func TestRealTaskSurvivesGoexit(t *testing.T) {
	t.Parallel()
	var task atomic.Value
	ready, again := make(chan struct{}), make(chan struct{})
	var steps atomic.Int32
	task.Store(Real().Dispatcher.Start("goexit", func() bool {
		<-ready
		switch steps.Add(1) {
		case 1:
			defer task.Load().(Task).Abandon()
			runtime.Goexit()
		case 2:
			close(again)
		}
		return false
	}))
	close(ready)
	<-again
	task.Load().(Task).Stop()
}

func TestRealStopAfterGoexit(t *testing.T) {
	t.Parallel()
	task := Real().Dispatcher.Start("goexit", func() bool { runtime.Goexit(); return false })
	task.Stop()
}

func TestRealGo(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	Real().Dispatcher.Go("function", func() { close(done) })
	<-done
}

func TestRealClock(t *testing.T) {
	t.Parallel()
	clock := Real().Clock
	before := clock.Now()
	fired := make(chan struct{})
	timer := clock.AfterFunc(time.Millisecond, func() { close(fired) })
	<-fired
	if timer.Stop() {
		t.Error("Stop of a fired timer reports true")
	}
	if d := clock.Now().Sub(before); d < time.Millisecond {
		t.Errorf("fired after %v", d)
	}
	if !clock.AfterFunc(time.Hour, func() {}).Stop() {
		t.Error("Stop of a pending timer reports false")
	}
}

func TestRealRandom(t *testing.T) {
	t.Parallel()
	random := Real().Random
	a, b := make([]byte, 32), make([]byte, 32)
	random.Read(a)
	random.Read(b)
	if slices.Equal(a, b) || random.Uint64() == random.Uint64() {
		t.Error("the same twice")
	}
}

func TestRealTransport(t *testing.T) {
	t.Parallel()
	listener, err := Real().Transport.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var _ io.Closer = listener
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRealWake(b *testing.B) {
	b.Run("running", func(b *testing.B) {
		leave := make(chan struct{})
		task := Real().Dispatcher.Start("running", func() bool { <-leave; return false })
		for b.Loop() {
			task.Wake()
		}
		close(leave)
		task.Stop()
	})
	b.Run("parked", func(b *testing.B) {
		done := make(chan struct{})
		task := Real().Dispatcher.Start("parked", func() bool { done <- struct{}{}; return false })
		<-done
		for b.Loop() {
			task.Wake()
			<-done
		}
		task.Stop()
	})
}
