package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// maxSelected is how many messages are retried or dropped at once.
const maxSelected = 10_000

func quarantineCommand(n *node) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "List, show, retry or drop messages that were set aside",
		Long: `A message whose function kept failing is set aside with its error, and its address
goes on. These commands list and show such messages, send them to their address
again, behind what waits there, or remove them for good.

` + exit.Help,
		Args: cobra.NoArgs,
		RunE: needsSubcommand,
	}
	n.flags(cmd)
	cmd.AddCommand(quarantineList(n), quarantineShow(n), quarantineRetry(n), quarantineDrop(n))
	return cmd
}

func quarantineList(n *node) *cobra.Command {
	function, limit, asJSON := "", 0, false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List quarantined messages",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > maxSelected {
				return exit.Usagef("--limit: expected 1 to %d, found %d", maxSelected, limit)
			}
			return n.call(func(c *client.Client) error {
				list, err := c.Quarantine(cmd.Context(), functions.TypeName(function), limit)
				if err != nil {
					return err
				}
				if asJSON {
					return n.console.JSON(list)
				}
				printQuarantine(n.console, list)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&function, "function", "", "only messages to this function `type`")
	f.IntVar(&limit, "limit", 100, "at most so many")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printQuarantine(c *console.Console, list door.QuarantineList) {
	if len(list.Messages) == 0 {
		c.Notef("no messages")
		return
	}
	t := c.Table("ADDRESS", "SEQUENCE", "TYPE", "ATTEMPTS", "SINCE", "ERROR").Right(2, 4)
	for _, m := range list.Messages {
		t.Row(clip(m.Address.String(), 60), strconv.FormatUint(m.Sequence, 10), string(m.Type),
			strconv.Itoa(m.Attempts), moment(m.At), clip(m.Error, 80))
	}
	t.Print()
	if list.More {
		c.Notef("and more")
	}
}

// clip keeps a cell short.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// oneMessage makes what takes an address and a sequence.
func oneMessage(args []string) (a functions.Address, sequence uint64, err error) {
	if a, err = parseAddress(args[0]); err != nil {
		return a, 0, err
	}
	if sequence, err = strconv.ParseUint(args[1], 10, 64); err != nil {
		return a, 0, exit.Usagef("expected the sequence that `quarantine list` shows, found %q", args[1])
	}
	return a, sequence, nil
}

func quarantineShow(n *node) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "show <address> <sequence>",
		Short: "Show a quarantined message with its error, stack and state",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, sequence, err := oneMessage(args)
			if err != nil {
				return err
			}
			return n.call(func(c *client.Client) error {
				d, err := c.Quarantined(cmd.Context(), a, sequence)
				if err != nil {
					return err
				}
				if asJSON {
					return n.console.JSON(d)
				}
				printQuarantined(n.console, &d)
				return nil
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printQuarantined(c *console.Console, d *door.QuarantineDetails) {
	t := c.Table()
	t.Row("address", d.Address.String())
	t.Row("sequence", strconv.FormatUint(d.Sequence, 10))
	t.Row("from", orDash(d.Caller))
	t.Row("type", string(d.Type))
	t.Row("value", shown(d.Value, d.Bytes))
	t.Row("attempts", strconv.Itoa(d.Attempts))
	t.Row("since", moment(d.At))
	t.Row("error", d.Error)
	t.Print()
	if len(d.State) > 0 {
		c.Printf("\nstate that the last attempt saw\n")
		t := c.Table("NAME", "TYPE", "KIND", "SIZE", "VALUE").Right(4)
		for _, s := range d.State {
			t.Row(s.Name, string(s.Type), s.Kind, sizeOf(s.Kind, s.Size), shown(nil, s.Value))
		}
		t.Print()
	}
	if d.Stack != "" {
		c.Printf("\nstack\n%s\n", console.CleanLines(d.Stack))
	}
}

// shown is a value as JSON if it came so, else the beginning of its bytes.
func shown(asJSON, value []byte) string {
	var line bytes.Buffer
	if len(asJSON) > 0 && json.Compact(&line, asJSON) == nil {
		return clip(line.String(), 1000)
	}
	if len(value) > 64 {
		return fmt.Sprintf("%x… (%s)", value[:64], console.Bytes(len(value)))
	}
	return fmt.Sprintf("%x", value)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func quarantineRetry(n *node) *cobra.Command {
	return release(n, "retry", "Send quarantined messages to their address again", "retried", (*client.Client).Retry)
}

func quarantineDrop(n *node) *cobra.Command {
	return release(n, "drop", "Remove quarantined messages for good", "dropped", (*client.Client).Drop)
}

// releaser is a command that takes messages out of the quarantine.
type releaser struct {
	*node

	verb, done     string
	act            func(*client.Client, context.Context, functions.Address, uint64) error
	all, yes, json bool
	function       string
}

func release(n *node, verb, short, done string, act func(*client.Client, context.Context, functions.Address, uint64) error) *cobra.Command {
	r := &releaser{node: n, verb: verb, done: done, act: act}
	cmd := &cobra.Command{
		Use:   verb + " <address> <sequence> | --function <type> | --all",
		Short: short,
		Long: short + `: one of them, those of a function, or all. For more than one it
shows which they are and asks first; where nobody can answer, it needs --yes.

` + exit.Help,
		Args: func(cmd *cobra.Command, args []string) error {
			if r.all || r.function != "" {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(2)(cmd, args)
		},
		RunE: r.run,
	}
	f := cmd.Flags()
	f.BoolVar(&r.all, "all", false, verb+" all messages")
	f.StringVar(&r.function, "function", "", verb+" all messages to this function `type`")
	cmd.MarkFlagsMutuallyExclusive("all", "function")
	yesFlag(cmd, &r.yes)
	jsonFlag(cmd, &r.json)
	return cmd
}

func (r *releaser) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return r.call(func(c *client.Client) error { return r.many(cmd.Context(), c) })
	}
	a, sequence, err := oneMessage(args)
	if err != nil {
		return err
	}
	return r.call(func(c *client.Client) error {
		if err := r.act(c, cmd.Context(), a, sequence); err != nil {
			return err
		}
		return r.report(1)
	})
}

func (r *releaser) many(ctx context.Context, c *client.Client) error {
	list, err := c.Quarantine(ctx, functions.TypeName(r.function), maxSelected)
	if err != nil {
		return err
	}
	if len(list.Messages) == 0 {
		return r.report(0)
	}
	if !r.yes {
		r.preview(list)
		if err := r.consent(fmt.Sprintf("%s %s messages?", r.verb, console.Count(len(list.Messages)))); err != nil {
			return err
		}
	}
	n := 0
	for _, m := range list.Messages {
		switch err := r.act(c, ctx, m.Address, m.Sequence); {
		case client.NotFound(err): // somebody else was quicker
		case err != nil:
			return fmt.Errorf("%s message %d of %s, after %d others: %w", r.verb, m.Sequence, m.Address, n, err)
		default:
			n++
		}
	}
	if list.More {
		r.console.Notef("there are more than %s; run this again for the others", console.Count(maxSelected))
	}
	return r.report(n)
}

// preview shows what is about to be released, on standard error with the question.
func (r *releaser) preview(list door.QuarantineList) {
	const most = 20
	if len(list.Messages) > most {
		list.Messages, list.More = list.Messages[:most], true
	}
	printQuarantine(&console.Console{In: r.console.In, Out: r.console.Err, Err: r.console.Err}, list)
}

func (r *releaser) report(n int) error {
	if r.json {
		return r.console.JSON(map[string]int{r.done: n})
	}
	r.console.Printf("%s %s\n", r.done, plural(n, "message"))
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return console.Count(n) + " " + noun + "s"
}
