package console

import (
	"strconv"
	"strings"
	"unicode/utf8"

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
		out[i] = Clean(s)
	}
	return out
}

// Clean shows what would move the cursor or change colours as Go writes it in
// strings: what others sent must not play with the terminal.
func Clean(s string) string {
	if strings.IndexFunc(s, isHidden) < 0 && utf8.ValidString(s) {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func isHidden(r rune) bool { return !strconv.IsPrint(r) }

// CleanLines is Clean for text of several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Clean(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
