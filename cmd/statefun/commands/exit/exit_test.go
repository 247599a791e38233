package exit_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want exit.Code
	}{
		{nil, exit.OK},
		{exit.With(exit.NotFound, nil), exit.OK},
		{io.EOF, exit.Failed},
		{exit.Usagef("wrong %s", "flag"), exit.Usage},
		{fmt.Errorf("reading: %w", exit.With(exit.NotFound, io.EOF)), exit.NotFound},
		{exit.With(exit.Interrupted, exit.With(exit.Usage, io.EOF)), exit.Interrupted},
		{errors.Join(io.EOF, exit.With(exit.Usage, io.EOF)), exit.Usage},
	} {
		if got := exit.CodeOf(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
	if err := exit.With(exit.NotFound, io.EOF); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("got %v", err)
	}
}
