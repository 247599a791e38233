package console

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress shows on a terminal, on one line that is removed in the end, how far
// things are. Elsewhere it shows nothing.
type Progress struct {
	to io.Writer // nil if nothing is shown
}

// Progress begins to show progress on Err.
func (c *Console) Progress() *Progress {
	if !IsTerminal(c.Err) {
		return &Progress{}
	}
	return &Progress{to: c.Err}
}

const (
	eraseLine     = "\r\x1b[K"
	barWidth      = 24
	progressEvery = 100 * time.Millisecond
)

// Step shows a step that is expected to take some time, until done is called.
func (p *Progress) Step(name string, expected time.Duration) (done func()) {
	if p.to == nil {
		return func() {}
	}
	begun, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for n := 0; ; n++ {
			fmt.Fprint(p.to, eraseLine+progressLine(name, n, time.Since(begun), expected))
			select {
			case <-ticker.C:
			case <-stop:
				fmt.Fprint(p.to, eraseLine)
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// Part returns a function that shows how much of something is done. It may be
// called often, by one goroutine; a total of 0 says that nobody knows. erase
// removes the line.
func (p *Progress) Part() (show func(name string, done, total int64), erase func()) {
	if p.to == nil {
		return func(string, int64, int64) {}, func() {}
	}
	n, shown := 0, time.Time{}
	show = func(name string, done, total int64) {
		if now := time.Now(); now.Sub(shown) >= progressEvery {
			shown = now
			fmt.Fprint(p.to, eraseLine+partLine(name, n, done, total))
			n++
		}
	}
	return show, func() { fmt.Fprint(p.to, eraseLine) }
}

// partLine is the n-th picture of a part.
func partLine(name string, n int, done, total int64) string {
	share := 0.0
	if total > 0 {
		share = min(1, float64(done)/float64(total))
	}
	return bar(n, int(barWidth*share)) + fmt.Sprintf(" %s %.0f %%", name, 100*share)
}

// progressLine is the n-th picture of a step.
func progressLine(name string, n int, since, expected time.Duration) string {
	full := barWidth
	if since < expected {
		full = int(barWidth * since / expected)
	}
	return bar(n, full) + fmt.Sprintf(" %s %.0fs", name, since.Seconds())
}

// bar is a bar with a spinner before it.
func bar(n, full int) string {
	spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	return fmt.Sprintf("%c %s%s", spinner[n%len(spinner)], strings.Repeat("█", full), strings.Repeat("░", barWidth-full))
}
