package commands

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

func statusCommand(n *node) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a node does",
		Long: `Shows what a node runs, and how much it holds and did since its start; then which
addresses wait, why and until when. Of each function there are the messages that came
in, went out to functions, and to egresses; attempts that failed; messages that are
quarantined, and that are pending: in memory, or more (+) on disk; addresses that wait
after a failure; requests to its server and asynchronous work in flight; and where it
is called.

` + exit.Help,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return n.call(func(c *client.Client) error {
				status, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return n.console.JSON(status)
				}
				printStatus(n.console, c.URL(), &status)
				return nil
			})
		},
	}
	n.flags(cmd)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// plain shows a JSON value; a number without an exponent.
func plain(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// diskSentence says what the free space of the disk means.
func diskSentence(d *door.DiskStatus) string {
	free := console.Bytes(d.Free) + " free"
	if d.Owed > 0 {
		free += fmt.Sprintf(" (%s of that is yet to be written)", console.Bytes(d.Owed))
	}
	switch d.Space {
	case persistence.SpaceLow.String():
		return fmt.Sprintf("%s: less than the reserve of %s, so messages from outside are refused until there is more", free, console.Bytes(d.Reserve))
	case persistence.SpaceScarce.String():
		return fmt.Sprintf("%s: less than half of the reserve of %s, so messages from outside are refused and functions pause until there is more", free, console.Bytes(d.Reserve))
	}
	if d.Reserve == 0 {
		return "free space is not looked at"
	}
	return fmt.Sprintf("%s, %s are kept in reserve", free, console.Bytes(d.Reserve))
}

func printStatus(c *console.Console, url string, s *door.Status) {
	t := c.Table()
	t.Row("listening", url)
	if about, ok := s.Node.(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(about)) {
			t.Row(strings.ReplaceAll(name, "_", " "), plain(about[name]))
		}
	}
	t.Row("accepted messages", console.Count(s.Accepted))
	t.Row("replies", fmt.Sprintf("%s, and %s that nobody waited for", console.Count(s.Replies), console.Count(s.LateReplies)))
	t.Row("live grains", console.Count(s.LiveGrains))
	t.Row("waiting in memory", console.Count(s.Waiting))
	t.Row("asynchronous work", console.Count(s.Async))
	t.Row("quarantined", console.Count(s.Quarantined))
	j := &s.Journal
	t.Row("log", fmt.Sprintf("%s, %s written in %s batches", console.Bytes(j.LogBytes), console.Bytes(j.LogWritten), console.Count(j.Batches)))
	t.Row("tables", fmt.Sprintf("%s on disk, %s in memory", console.Bytes(j.TablesDisk), console.Bytes(j.TablesMemory)))
	t.Row("disk", diskSentence(&s.Disk))
	t.Row("last sync", console.Milliseconds(time.Duration(j.LastSync*float64(time.Second))))
	t.Print()
	if len(s.Bound) > 0 {
		c.Printf("\n")
		for _, line := range boundLines(s.Bound) {
			c.Printf("%s\n", console.Clean(line))
		}
	}
	if len(s.Functions) > 0 {
		c.Printf("\n")
		printFunctions(c, s.Functions)
	}
	if lines := waitingLines(s, time.Now()); len(lines) > 0 {
		c.Printf("\n")
		for _, line := range lines {
			c.Printf("%s\n", console.Clean(line))
		}
	}
}

func printFunctions(c *console.Console, all map[functions.TypeName]door.FunctionStatus) {
	t := c.Table("FUNCTION", "IN", "OUT", "EGRESS", "FAILURES", "QUARANTINED", "PENDING", "WAITING", "IN FLIGHT", "ENDPOINT").Right(2, 3, 4, 5, 6, 7, 8, 9)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		pending := console.Count(f.Pending)
		if f.Spilled > 0 {
			pending += "+"
		}
		inFlight := f.InFlight + f.Async
		t.Row(string(name), console.Count(f.In), console.Count(f.OutLocal), console.Count(f.OutEgress), console.Count(f.Failures),
			console.Count(f.Quarantined), pending, console.Count(f.Waiting), console.Count(inFlight), cmp.Or(f.Endpoint, door.InProgram))
	}
	t.Print()
}
