package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// report is what --json prints.
type report struct {
	// Over the life of the data directory.
	TransactionsAccepted uint64 `json:"transactions_accepted"`
	Verdicts             int64  `json:"verdicts"`
	Duplicates           int64  `json:"duplicates"`
	Alerts               int64  `json:"alerts"`
	// Of the transactions that this run sent first, from when they were due.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// Exact says that everything agrees.
	Exact bool `json:"exact"`
}

func newReport(accepted uint64, f *findings, l *latencies) report {
	return report{
		TransactionsAccepted: accepted, Verdicts: f.verdicts, Duplicates: f.duplicates, Alerts: f.alerts,
		P50: milliseconds(l.rank(500)), P99: milliseconds(l.rank(990)), Exact: f.exact(),
	}
}

// milliseconds are rounded to microseconds.
func milliseconds(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// writeJSON writes the report on one line, on a terminal, too.
func (r report) writeJSON(w io.Writer) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// summary is for people.
func (d *demo) summary(r report, f *findings) string {
	s := d.screen
	text := "\n"
	row := func(label, value, more string) {
		text += "  " + s.label.Render(fmt.Sprintf("%-16s", label)) + s.strong.Render(value) + more + "\n"
	}
	c, _ := d.load.snapshot()
	row("accepted", console.Count(r.TransactionsAccepted), fmt.Sprintf(" transactions, %s of them new in this run", console.Count(c.accepted-c.again)))
	row("verdicts", console.Count(r.Verdicts), "")
	row("duplicates", console.Count(r.Duplicates), "")
	row("alerts", console.Count(r.Alerts), fmt.Sprintf(", and %s lines in %s", console.Count(f.lines), d.alertsFile()))
	row("time to verdict", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", r.P50, r.P99), "")
	if c.again > 0 {
		row("sent again", console.Count(c.again), " that were in flight when an earlier run ended")
	}
	if f.others > 0 {
		row("others", console.Count(f.others), " verdicts on transactions that somebody else sent")
	}
	for i, q := range f.quarantined {
		label := ""
		if i == 0 {
			label = "in quarantine"
		}
		row(label, console.Clean(q), "")
	}
	for _, wrong := range f.wrong {
		row("wrong", wrong, "")
	}
	verdict := "exact: every transaction has one verdict, and every alert one line"
	if !r.Exact {
		verdict = "NOT EXACT"
	}
	row("audit", verdict, "")
	return text
}
