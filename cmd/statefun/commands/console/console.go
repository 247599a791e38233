package console

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Console is where a command reads and writes. It is not safe for concurrent use.
type Console struct {
	In io.Reader
	// Out is for what was asked for, Err for everything else.
	Out, Err io.Writer
}

// Standard is the process's own input and output.
func Standard() *Console { return &Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(f any) bool {
	file, ok := f.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd())) //nolint:gosec // file descriptors are small
}

// JSON writes v as one JSON value on one line, on several if Out is a terminal.
func (c *Console) JSON(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	if IsTerminal(c.Out) {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// Printf writes to Out.
func (c *Console) Printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// Notef writes a line to Err.
func (c *Console) Notef(format string, args ...any) { fmt.Fprintf(c.Err, format+"\n", args...) }

// CanAsk reports whether somebody is there to answer.
func (c *Console) CanAsk() bool { return IsTerminal(c.In) && IsTerminal(c.Err) }

// Confirm asks a question. Only yes is yes.
func (c *Console) Confirm(question string) bool {
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil {
		fmt.Fprintln(c.Err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// PrintJSON writes JSON text on lines of its own, indented if Out is a terminal.
func (c *Console) PrintJSON(text []byte) error {
	var b bytes.Buffer
	var err error
	if IsTerminal(c.Out) {
		err = json.Indent(&b, text, "", "  ")
	} else {
		err = json.Compact(&b, text)
	}
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err = b.WriteTo(c.Out)
	return err
}
