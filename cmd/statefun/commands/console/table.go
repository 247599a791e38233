package console

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table is a table with a row of column names, or without one. Cells are padded
// with spaces; there are no lines between them, so that other programs can cut
// it up.
type Table struct {
	console *Console
	writer  table.Writer
	right   []table.ColumnConfig
}

// Table begins a table.
func (c *Console) Table(header ...string) *Table {
	t := &Table{console: c, writer: table.NewWriter()}
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	if IsTerminal(c.Out) {
		style.Color.Header = text.Colors{text.Faint}
	}
	t.writer.SetStyle(style)
	t.writer.SuppressTrailingSpaces()
	if len(header) > 0 {
		t.writer.AppendHeader(cells(header))
	}
	return t
}

// Right aligns columns, counted from 1, to the right.
func (t *Table) Right(columns ...int) *Table {
	for _, n := range columns {
		t.right = append(t.right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.writer.SetColumnConfigs(t.right)
	return t
}

// Row adds a row.
func (t *Table) Row(row ...string) { t.writer.AppendRow(cells(row)) }

// Print writes the table to Out.
func (t *Table) Print() { t.console.Printf("%s\n", t.writer.Render()) }

func cells(in []string) table.Row {
	out := make(table.Row, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

// Paint returns functions that make text bold and red on a terminal, and leave it
// alone elsewhere.
func (c *Console) Paint() (bold, red func(string) string) {
	if !IsTerminal(c.Out) {
		same := func(s string) string { return s }
		return same, same
	}
	return paint(text.Bold), paint(text.FgRed)
}

func paint(color text.Color) func(string) string {
	return func(s string) string { return color.Sprint(s) }
}
