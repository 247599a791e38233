package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/generator"
	"github.com/statefun-go/statefun/functions"
)

// books are what the audit has read, a bit for each position and matter. What
// others sent is only counted.
type books struct {
	generator *generator.Generator
	end       uint64 // position from which on none was sent

	verdicts set // a ledger has recorded one
	alerts   set // and that it was an alert
	lines    set // the file has a line

	unsent   examples // have a verdict
	repeated examples
	twice    examples // have more than one line
	stray    examples // have a line, and were never sent
	damaged  examples // lines, by number

	repetitions, otherVerdicts, otherAlerts, otherRepetitions int64
}

func newBooks(g *generator.Generator, end uint64) *books {
	return &books{generator: g, end: end, verdicts: newSet(end), alerts: newSet(end), lines: newSet(end)}
}

// verdict enters an entry of RecordedState.
func (b *books) verdict(id string, value []byte) error {
	kind, err := functions.String.Decode(value)
	if err != nil {
		return err
	}
	isAlert := kind == detection.OutcomeAlert
	position, ours := b.generator.PositionOf(id)
	if ours && position < b.end {
		b.verdicts.add(position)
		if isAlert {
			b.alerts.add(position)
		}
		return nil
	}
	if ours {
		b.unsent.add(id)
	}
	b.otherVerdicts++
	if isAlert {
		b.otherAlerts++
	}
	return nil
}

// repetition enters an entry of RepeatedState.
func (b *books) repetition(id string, value []byte) error {
	n, err := functions.Int64.Decode(value)
	if err != nil {
		return err
	}
	if _, ours := b.generator.PositionOf(id); ours {
		b.repeated.add(id)
		b.repetitions += n
	} else {
		b.otherRepetitions += n
	}
	return nil
}

// alertLine is what counts of a line of the file of alerts.
type alertLine struct {
	Key   string          `json:"key"`
	Value detection.Alert `json:"value"`
}

// readAlerts enters the lines of a file.
func (b *books) readAlerts(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // what has no end is being written
			return nil
		}
		if err != nil {
			return err
		}
		b.alertLine(n, line)
	}
}

func (b *books) alertLine(number int, line []byte) {
	var a alertLine
	if err := json.Unmarshal(line, &a); err != nil || a.Key == "" || a.Key != a.Value.Transaction {
		b.damaged.add(strconv.Itoa(number))
		return
	}
	switch position, ours := b.generator.PositionOf(a.Key); {
	case !ours:
	case position >= b.end:
		b.stray.add(a.Key)
	case !b.lines.add(position):
		b.twice.add(a.Key)
	}
}

// compare says what the books agree on, with the sums that the ledgers reported
// before and after they were read.
func (b *books) compare(before, after detection.Report) *findings {
	f := &findings{lines: b.lines.count + b.twice.count, others: b.otherVerdicts}
	var lost, silent, unfounded examples
	for p := range b.end {
		switch {
		case !b.verdicts.has(p):
			lost.add(b.generator.At(p).ID)
		case b.alerts.has(p) && !b.lines.has(p):
			silent.add(b.generator.At(p).ID)
		}
		if b.lines.has(p) && !b.alerts.has(p) {
			unfounded.add(b.generator.At(p).ID)
		}
	}
	f.missing = uint64(lost.count + silent.count)
	f.complainOf(lost, "transactions have no verdict")
	f.complainOf(b.repeated, "transactions came more than once")
	f.complainOf(b.unsent, "transactions have a verdict and were never sent")
	f.complainOf(silent, "transactions have an alert that is not in the file")
	f.complainOf(b.twice, "transactions are in the file of alerts more than once")
	f.complainOf(unfounded, "transactions are in the file of alerts and have none")
	f.complainOf(b.stray, "transactions are in the file of alerts and were never sent")
	f.complainOf(b.damaged, "lines of the file of alerts are damaged")
	f.verdicts = f.ours("verdicts", before.Verdicts, after.Verdicts, b.verdicts.count, b.otherVerdicts)
	f.alerts = f.ours("alerts", before.Alerts, after.Alerts, b.alerts.count, b.otherAlerts)
	f.duplicates = f.ours("duplicates", before.Duplicates, after.Duplicates, b.repetitions, b.otherRepetitions)
	return f
}

// ours is what a sum that the ledgers report says without what others have sent.
// It must be the sum of the ledgers' entries; those of others may grow meanwhile.
func (f *findings) ours(what string, before, after, ours, others int64) int64 {
	entries := ours + others
	sum := min(max(entries, before), after)
	if sum != entries {
		f.complain("the ledgers report %d %s and have entries of %d", sum, what, entries)
	}
	return sum - others
}

func (f *findings) complainOf(e examples, what string) {
	if e.count > 0 {
		f.complain("%d %s: %s", e.count, what, e.String())
	}
}

// examples counts transactions, and keeps some.
type examples struct {
	count int64
	some  []string
}

func (e *examples) add(id string) {
	if e.count++; e.count <= maxExamples {
		e.some = append(e.some, id)
	}
}

func (e *examples) String() string {
	s := strings.Join(e.some, ", ")
	if e.count > maxExamples {
		s += ", …"
	}
	return s
}

// set is a set of positions below a bound.
type set struct {
	words []uint64
	count int64
}

func newSet(end uint64) set { return set{words: make([]uint64, (end+63)/64)} }

// add reports whether the position was not in the set.
func (s *set) add(p uint64) bool {
	if s.has(p) {
		return false
	}
	s.words[p/64] |= 1 << (p % 64)
	s.count++
	return true
}

func (s *set) has(p uint64) bool { return s.words[p/64]&(1<<(p%64)) != 0 }
