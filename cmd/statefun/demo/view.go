package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// moment is what is shown at a time.
type moment struct {
	elapsed  time.Duration
	state    string // what the demo is doing
	accepted uint64 // over all runs
	underWay int
	counts   counts
	recent   latencies // since the moment before
	metrics  actors.Metrics
}

// rates are what happened between two moments, by the second.
type rates struct {
	accepted, answered, batches float64
}

func (m *moment) ratesSince(last *moment) rates {
	seconds := max((m.elapsed - last.elapsed).Seconds(), 0.001)
	by := func(now, before uint64) float64 { return float64(now-before) / seconds }
	return rates{
		accepted: by(m.counts.accepted, last.counts.accepted),
		answered: by(m.counts.answered, last.counts.answered),
		batches:  by(m.metrics.Journal.Batches, last.metrics.Journal.Batches),
	}
}

// line shows a moment where there is no terminal.
func (m *moment) line(last *moment) string {
	r := m.ratesSince(last)
	j := &m.metrics.Journal
	return fmt.Sprintf("%5s  %s accepted/s  %s verdicts/s  p50 %s  p99 %s  %s alerts  %s live grains  state %s  log %s%s\n",
		m.elapsed.Round(time.Second), console.Count(r.accepted), console.Count(r.answered),
		m.percentile(500), m.percentile(990), console.Count(m.counts.alerts), console.Count(m.metrics.LiveGrains),
		console.Bytes(stateBytes(m)), console.Bytes(j.LogBytes), m.trouble())
}

// block shows a moment on a terminal.
func (m *moment) block(s *screen, d *demo, last *moment) []string {
	r := m.ratesSince(last)
	j := &m.metrics.Journal
	row := func(label, value, more string) string {
		return "  " + s.label.Render(fmt.Sprintf("%-16s", label)) + s.strong.Render(fmt.Sprintf("%-26s", value)) + more
	}
	count := console.Count[uint64]
	lines := []string{
		"",
		"  " + s.heading.Render("fraud detection") + "  " + s.label.Render(fmt.Sprintf("%s, %s", m.elapsed.Round(time.Second), m.state)),
		"",
		row("accepted", console.Count(r.accepted)+"/s", fmt.Sprintf("%s in this run, %s in all", count(m.counts.accepted), count(m.accepted))),
		row("verdicts", console.Count(r.answered)+"/s", fmt.Sprintf("%s, and %d transactions under way", count(m.counts.answered), m.underWay)),
		row("time to verdict", "p50 "+m.percentile(500), "p99 "+m.percentile(990)),
		row("alerts", count(m.counts.alerts), d.alertsFile()),
		row("last alert", m.counts.last.who(), m.counts.last.what()),
		row("live grains", console.Count(m.metrics.LiveGrains), fmt.Sprintf("%s messages wait with them", console.Count(m.metrics.Held))),
		row("state", console.Bytes(stateBytes(m)), fmt.Sprintf("%s on disk, %s still in the log alone", console.Bytes(j.Tables.DiskBytes), console.Bytes(j.OverlayBytes))),
		row("journal's log", console.Bytes(j.LogBytes), fmt.Sprintf("%s batches/s, last sync %s", console.Count(r.batches), console.Milliseconds(j.LastSync))),
	}
	if t := m.trouble(); t != "" {
		lines = append(lines, row("trouble", "", strings.TrimSpace(t)))
	}
	return append(lines, "", "  "+s.label.Render(d.hint()))
}

// stateBytes are those of the tables, and of what is not in the tables yet.
func stateBytes(m *moment) uint64 {
	return m.metrics.Journal.Tables.DiskBytes + uint64(max(0, m.metrics.Journal.OverlayBytes))
}

func (m *moment) percentile(perMille uint64) string {
	if m.recent.total == 0 {
		return "–"
	}
	return console.Milliseconds(m.recent.rank(perMille))
}

// trouble is what should not be there, empty if it is not.
func (m *moment) trouble() (t string) {
	if n := m.metrics.Quarantined; n > 0 {
		t += fmt.Sprintf("  %s messages in quarantine", console.Count(n))
	}
	if n := m.counts.retries; n > 0 {
		t += fmt.Sprintf("  %s requests sent again", console.Count(n))
	}
	if b := m.counts.behind; b > 0 {
		t += fmt.Sprintf("  too slow for --rate, %s behind", b.Round(time.Second))
	}
	return t
}

func (s *suspicion) who() string {
	if s == nil {
		return "–"
	}
	return s.event.Transaction.Account
}

func (s *suspicion) what() string {
	if s == nil {
		return ""
	}
	t := &s.event.Transaction
	return fmt.Sprintf("pays %s.%02d at %s: %.1f%% fraud", console.Count(t.AmountCents/100), t.AmountCents%100,
		t.Merchant, 100*s.probability)
}
