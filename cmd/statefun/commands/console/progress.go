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

// progressLine is the n-th picture of a step.
func progressLine(name string, n int, since, expected time.Duration) string {
	spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	full := barWidth
	if since < expected {
		full = int(barWidth * since / expected)
	}
	return fmt.Sprintf("%c %s%s %s %.0fs", spinner[n%len(spinner)],
		strings.Repeat("█", full), strings.Repeat("░", barWidth-full), name, since.Seconds())
}
