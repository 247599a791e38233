package bench

import "github.com/statefun-go/statefun/cmd/statefun/commands/console"

// sheet is a table with a column of names and one for each of several runs.
type sheet struct {
	table *console.Table
	runs  int
}

// newSheet begins a sheet. head is what runs differ in.
func newSheet(c *console.Console, name string, runs int, head func(i int) string) *sheet {
	heads := []string{name}
	for i := range runs {
		heads = append(heads, head(i))
	}
	s := &sheet{c.Table(heads...), runs}
	for i := range runs {
		s.table.Right(i + 2)
	}
	return s
}

func (s *sheet) row(name string, cell func(i int) string) {
	cells := []string{name}
	for i := range s.runs {
		cells = append(cells, cell(i))
	}
	s.table.Row(cells...)
}

func (s *sheet) print() { s.table.Print() }
