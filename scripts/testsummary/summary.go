package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string // empty for what concerns the package
	Output  string
}

// summary counts tests and keeps their output until it is known whether their
// package passes. It is an io.Writer of events, and writes what is worth reading
// to out.
type summary struct {
	out     io.Writer
	partial []byte // of a line
	running map[string]*packageRun

	passed, failed int
	skipped        []string
}

// packageRun is a package whose tests are not all done.
type packageRun struct {
	own    strings.Builder     // output that is no test's
	tests  []*testRun          // in order of appearance; one more for each -count
	open   map[string]*testRun // those that run, by name
	failed bool                // one of them
}

// testRun is one run of a test.
type testRun struct {
	output strings.Builder
	well   bool // it passed or was skipped
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, running: map[string]*packageRun{}}
}

// Write takes any piece of the stream of events.
func (s *summary) Write(p []byte) (int, error) {
	s.partial = append(s.partial, p...)
	for {
		line, rest, found := bytes.Cut(s.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		s.line(line)
		s.partial = rest
	}
}

// line takes an event, or passes on what go itself had to say.
func (s *summary) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		fmt.Fprintf(s.out, "%s\n", line)
		return
	}
	if e.Package == "" {
		fmt.Fprint(s.out, e.Output) // of the compiler
		return
	}
	p := s.open(e.Package)
	if e.Test == "" {
		s.packageEvent(e, p)
	} else {
		s.testEvent(e, p)
	}
}

func (s *summary) open(name string) *packageRun {
	p := s.running[name]
	if p == nil {
		p = &packageRun{open: map[string]*testRun{}}
		s.running[name] = p
	}
	return p
}

func (s *summary) testEvent(e event, p *packageRun) {
	t := p.test(e.Test)
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT, NAME
			t.output.WriteString(e.Output)
		}
		return
	case "pass":
		s.passed++
		t.well = true
	case "skip":
		reason, _, _ := strings.Cut(strings.TrimSpace(t.output.String()), "\n")
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+reason)
		t.well = true
	case "fail":
		s.failed++
		p.failed = true
	default: // run, pause, cont
		return
	}
	delete(p.open, e.Test)
}

func (p *packageRun) test(name string) *testRun {
	t := p.open[name]
	if t == nil {
		t = &testRun{}
		p.open[name] = t
		p.tests = append(p.tests, t)
	}
	return t
}

func (s *summary) packageEvent(e event, p *packageRun) {
	switch e.Action {
	case "output":
		p.own.WriteString(e.Output)
		return
	case "pass", "skip": // skip: a package without tests
		own := strings.TrimSuffix(p.own.String(), "\n")
		fmt.Fprintln(s.out, own[strings.LastIndexByte(own, '\n')+1:])
	case "fail":
		for _, t := range p.tests {
			if p.explains(t) {
				fmt.Fprint(s.out, t.output.String())
			}
		}
		fmt.Fprint(s.out, p.own.String())
		if !p.failed {
			s.failed++ // it did not build, its TestMain failed, it ran out of time
		}
	default: // start
		return
	}
	delete(s.running, e.Package)
}

// explains reports whether a test's output may tell why its package failed. What
// the process itself prints is attributed to whichever test happens to run.
func (p *packageRun) explains(t *testRun) bool {
	return !t.well || !p.failed || strings.Contains(t.output.String(), "WARNING: DATA RACE")
}

// finish writes the closing line and reports whether all is well.
func (s *summary) finish(name string, allowSkips bool) bool {
	for p := range s.running {
		fmt.Fprintf(s.out, "FAIL\t%s\t[never ended]\n", p)
		s.failed++
	}
	for _, t := range s.skipped {
		fmt.Fprintln(s.out, "--- SKIP:", t)
	}
	if name != "" {
		name += ": "
	}
	fmt.Fprintf(s.out, "%s%d passed, %d failed, %d skipped\n", name, s.passed, s.failed, len(s.skipped))
	return s.failed == 0 && s.passed > 0 && (allowSkips || len(s.skipped) == 0)
}
