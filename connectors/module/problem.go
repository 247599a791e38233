package module

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/connectors/internal/clip"
)

// Place is where something is in a module file.
type Place struct {
	File string `json:"file"`
	// Line and Column count from 1. Both are 0 for the file as a whole.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// String returns "file:line:column", or the file alone.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Problem is an error or a warning about a module file.
type Problem struct {
	Place

	// Field is the path of keys, such as "spec.topics[0].targets"; "" if it is not
	// about one.
	Field string `json:"field,omitempty"`
	// Message is one line.
	Message string `json:"message"`
}

// String returns "file:line:column: field: message".
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.Place.String())
		b.WriteString(": ")
	}
	if p.Field != "" {
		b.WriteString(p.Field)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// LoadError is why a module could not be loaded: everything that was found wrong.
type LoadError struct {
	// Problems are in the order of the files, and of lines in them. There is at
	// least one, and no more than were asked for.
	Problems []Problem
	// More is how many others there are.
	More int
}

// Error returns a line for each problem.
func (e *LoadError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// report collects the problems of one load.
type report struct {
	errors, warnings         []Problem
	moreErrors, moreWarnings int
	files                    []string // in the order they are read
	context                  string   // what StateFun says around an error in this spec
	objects                  []*Object
	functions                []mention
}

// maxCollected bounds the memory of problems; how many are shown is another matter.
const maxCollected = 1000

func (r *report) error(p Problem) {
	if r.context != "" {
		p.Message += " (" + r.context + ")"
	}
	if len(r.errors) == maxCollected {
		r.moreErrors++
		return
	}
	r.errors = append(r.errors, p)
}

func (r *report) warn(p Problem) {
	if len(r.warnings) == maxCollected {
		r.moreWarnings++
		return
	}
	r.warnings = append(r.warnings, p)
}

// sorted returns the first limit problems by place, and how many there are beyond.
func (r *report) sorted(ps []Problem, limit int) ([]Problem, int) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(slices.Index(r.files, a.File), slices.Index(r.files, b.File)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		)
	})
	shown := min(limit, len(ps))
	return ps[:shown:shown], len(ps) - shown
}

// loadError is nil if nothing is wrong.
func (r *report) loadError(limit int) error {
	if len(r.errors) == 0 {
		return nil
	}
	e := &LoadError{}
	e.Problems, e.More = r.sorted(r.errors, limit)
	e.More += r.moreErrors
	return e
}

const clipBytes = 80

// clipped keeps messages readable when somebody writes a megabyte.
func clipped(s string) string { return clip.To(clipBytes, s) }

func quote(s string) string { return strconv.Quote(clipped(s)) }
