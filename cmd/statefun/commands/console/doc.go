// Package console is how commands talk to people and to programs: tables with
// colours on a terminal, plain ones elsewhere, JSON on request, and questions
// only where somebody can answer them.
package console
