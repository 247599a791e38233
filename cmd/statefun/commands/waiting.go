package commands

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// waitingLines says in a sentence each which servers fail and why addresses wait.
func waitingLines(s *door.Status, now time.Time) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		f := s.Functions[name]
		if f.Failing != nil {
			lines = append(lines, failingLine(name, &f, now))
		}
		for i := range f.Worst {
			lines = append(lines, waitingLine(&f.Worst[i], now))
		}
		if more := f.Waiting - len(f.Worst); more > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s more of its addresses wait", name, console.Count(more)))
		}
	}
	if s.Searching {
		lines = append(lines, "there may be more: addresses whose messages wait since before the start are still being looked for")
	}
	if s.Partial {
		lines = append(lines, "there may be more: a part of the node was too busy to say what waits")
	}
	return lines
}

func failingLine(name functions.TypeName, f *door.FunctionStatus, now time.Time) string {
	return fmt.Sprintf("%s: no request to %s has succeeded since %s (%s); the last one failed: %s%s",
		name, f.Endpoint, f.Failing.Since.Format(time.TimeOnly), roughly(now.Sub(f.Failing.Since)), f.Failing.Error, nextAttempt(f.Failing.Next, now))
}

// nextAttempt is empty if nobody knows when it is.
func nextAttempt(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	if in := at.Sub(now); in > 0 {
		return ", next attempt in " + roughly(in)
	}
	return ", next attempt at once"
}

func waitingLine(w *door.WaitingAddress, now time.Time) string {
	messages := plural(w.Pending, "message")
	if w.Spilled {
		messages += " in memory and more on disk"
	}
	return fmt.Sprintf("%s waits with %s: %s%s", w.Address, messages, w.Reason, nextAttempt(w.Until, now))
}

// roughly is a duration as people say it.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return console.Milliseconds(max(0, d))
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
