package commands_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a command line came to.
type result struct {
	code       exit.Code
	out, notes string
}

// shell runs command lines of one program.
type shell struct {
	program commands.Program
	in      string
	extra   func() *cobra.Command
}

func (s *shell) run(ctx context.Context, args ...string) result {
	var out, notes bytes.Buffer
	c := &console.Console{In: strings.NewReader(s.in), Out: &out, Err: &notes}
	var extra []*cobra.Command
	if s.extra != nil {
		extra = append(extra, s.extra())
	}
	p := s.program
	p.Name = "prog"
	code := commands.Execute(ctx, c, p, args, extra...)
	return result{code, out.String(), notes.String()}
}

// expect runs a command line and checks its exit code, and parts of what it
// printed: to standard output, or if it failed to standard error.
func (s *shell) expect(t *testing.T, code exit.Code, line string, parts ...string) result {
	t.Helper()
	r := s.run(t.Context(), strings.Fields(line)...)
	printed := r.out
	if code != exit.OK {
		printed = r.notes
	}
	if r.code != code {
		t.Errorf("%s: exit code %d, want %d\n%s%s", line, r.code, code, r.out, r.notes)
	}
	for _, part := range parts {
		if !strings.Contains(printed, part) {
			t.Errorf("%s: no %q in\n%s", line, part, printed)
		}
	}
	return r
}
