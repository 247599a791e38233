// Package exit is what the command line's exit codes mean, and how an error
// carries one.
package exit

import (
	"errors"
	"fmt"
)

// Code is what a process ends with.
type Code int

const (
	// OK means that what was asked for was done.
	OK Code = 0
	// Failed means that it was not.
	Failed Code = 1
	// Usage means that it was not tried: the command line was wrong, or needs a
	// --yes.
	Usage Code = 2
	// NotFound means that there is no such address, state or message, or nobody
	// where a function server was looked for.
	NotFound Code = 3
	// Interrupted means that Ctrl-C ended it: 128 and SIGINT's number, as shells
	// have it.
	Interrupted Code = 130
)

// Help explains the codes at the end of a help text.
const Help = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 130 interrupted.`

type coded struct {
	code Code
	error
}

func (c coded) Unwrap() error { return c.error }

// With gives an error a code, which replaces any that it has. With(code, nil) is
// nil.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return coded{code, err}
}

// Usagef is an error about the command line.
func Usagef(format string, args ...any) error { return With(Usage, fmt.Errorf(format, args...)) }

// CodeOf is the code that err carries, Failed if it carries none, OK if it is
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	return Failed
}
