package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string // empty for what concerns the package
	Output  string
}

// summary counts tests and keeps the output of those not yet known to pass. It
// is an io.Writer of events, and writes what is worth reading to out.
type summary struct {
	out     io.Writer
	partial []byte // of a line
	running map[string]*packageRun

	passed, failed int
	skipped        []string
}

// packageRun is a package whose tests are not all done.
type packageRun struct {
	order  []string            // tests with output, in order of appearance; "" is the package
	output map[string][]string // by test
	failed bool                // one of its tests
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
	r := s.run(e.Package)
	switch {
	case e.Action == "output":
		r.add(e.Test, e.Output)
	case e.Test == "":
		s.endPackage(e, r)
	default:
		s.endTest(e, r)
	}
}

func (s *summary) run(name string) *packageRun {
	r := s.running[name]
	if r == nil {
		r = &packageRun{output: map[string][]string{}}
		s.running[name] = r
	}
	return r
}

func (r *packageRun) add(test, output string) {
	if strings.HasPrefix(output, "=== ") {
		return // RUN, PAUSE, CONT, NAME
	}
	if r.output[test] == nil {
		r.order = append(r.order, test)
	}
	r.output[test] = append(r.output[test], output)
}

func (s *summary) endTest(e event, r *packageRun) {
	switch e.Action {
	case "pass":
		s.passed++
		r.drop(e.Test)
	case "skip":
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+strings.TrimSpace(r.output[e.Test][0]))
		r.drop(e.Test)
	case "fail":
		s.failed++
		r.failed = true
	}
}

func (r *packageRun) drop(test string) {
	delete(r.output, test)
	r.order = slices.DeleteFunc(r.order, func(t string) bool { return t == test })
}

// endPackage prints the package's own line, and before it, if the package failed,
// the output of every test that did not end well: failed, or never ended.
func (s *summary) endPackage(e event, r *packageRun) {
	own := r.output[""]
	switch e.Action {
	case "pass", "skip": // skip: a package without tests
		fmt.Fprint(s.out, own[len(own)-1])
	case "fail":
		if !r.failed {
			s.failed++ // it did not build, its TestMain failed, it ran out of time
		}
		r.drop("")
		for _, test := range r.order {
			fmt.Fprint(s.out, strings.Join(r.output[test], ""))
		}
		fmt.Fprint(s.out, strings.Join(own, ""))
	default: // start
		return
	}
	delete(s.running, e.Package)
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
