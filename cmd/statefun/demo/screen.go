package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// screen is where the demo writes. On a terminal it has a block of lines at its
// end that is drawn in place; what is written otherwise goes above it. It is safe
// for concurrent use.
type screen struct {
	out  io.Writer
	live bool // a terminal that can move its cursor

	heading, label, strong lipgloss.Style

	mu    sync.Mutex
	drawn int // lines of the block
}

func newScreen(out io.Writer) *screen {
	r := lipgloss.NewRenderer(out)
	return &screen{
		out: out, live: console.IsTerminal(out) && os.Getenv("TERM") != "dumb",
		heading: r.NewStyle().Bold(true),
		label:   r.NewStyle().Faint(true),
		strong:  r.NewStyle().Bold(true),
	}
}

// Printf writes what stays.
func (s *screen) Printf(format string, args ...any) {
	_, _ = s.Write(fmt.Appendf(nil, format, args...))
}

// Write implements io.Writer, for whole lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	return s.out.Write(p)
}

// draw shows a block of lines in place of the last one.
func (s *screen) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height := s.size()
	lines = lines[:min(len(lines), height-1)]
	cut := lipgloss.NewStyle().MaxWidth(width)
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(cut.Render(line) + "\n")
	}
	s.erase()
	fmt.Fprint(s.out, b.String())
	s.drawn = len(lines)
}

// erase removes the block.
func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\r\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// leave lets the block stay as it is.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = 0
}

// size is of the terminal, or a guess. A line as wide as the terminal would wrap
// on some.
func (s *screen) size() (width, height int) {
	if f, ok := s.out.(interface{ Fd() uintptr }); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 1 && h > 2 { //nolint:gosec // file descriptors are small
			return w - 1, h
		}
	}
	return 79, 24
}

// interval is how often something is shown.
func (s *screen) interval() time.Duration {
	if s.live {
		return 500 * time.Millisecond
	}
	return time.Second
}
