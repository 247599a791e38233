package console

import (
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// Progress shows on a terminal how far things are. Elsewhere it shows nothing.
type Progress struct {
	writer  progress.Writer // nil if nothing is shown
	stopped chan struct{}
}

// Progress begins to show progress on Err.
func (c *Console) Progress() *Progress {
	if !IsTerminal(c.Err) {
		return &Progress{}
	}
	p := &Progress{writer: progress.NewWriter(), stopped: make(chan struct{})}
	p.writer.SetOutputWriter(c.Err)
	p.writer.SetTrackerPosition(progress.PositionRight)
	p.writer.SetMessageLength(46)
	p.writer.SetStyle(progress.StyleBlocks)
	v := &p.writer.Style().Visibility
	v.Value, v.ETA, v.Percentage, v.TrackerOverall = false, false, false, false
	go func() {
		defer close(p.stopped)
		p.writer.Render()
	}()
	return p
}

// Step shows a step that is expected to take some time, until done is called.
func (p *Progress) Step(name string, expected time.Duration) (done func()) {
	if p.writer == nil {
		return func() {}
	}
	t := &progress.Tracker{Message: name, Total: max(1, expected.Milliseconds()), AutoStopDisabled: true, RemoveOnCompletion: true}
	p.writer.AppendTracker(t)
	begun, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				t.SetValue(min(t.Total-1, time.Since(begun).Milliseconds()))
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		t.MarkAsDone()
	}
}

// Stop ends the display and removes it.
func (p *Progress) Stop() {
	if p.writer == nil {
		return
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for { // a Stop that comes before the writer's loop has begun is lost
		p.writer.Stop()
		select {
		case <-p.stopped:
			return
		case <-again.C:
		}
	}
}
