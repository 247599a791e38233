package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// purge is the command that removes what an address or a type has.
type purge struct {
	*node

	what      door.Purge
	yes, json bool
}

func purgeCommand(n *node) *cobra.Command {
	p := &purge{node: n}
	typ := ""
	cmd := &cobra.Command{
		Use:   "purge <address> | --type <type>",
		Short: "Remove all state, timers and waiting messages of an address or a type",
		Long: `Removes all state, timers and waiting messages of an address (namespace/type/id), or
of every address of a function type. It shows what that is and asks first; where
nobody can answer, it needs --yes.

` + exit.Help,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (typ != "") {
				return exit.Usagef("expected an address or --type, and not both")
			}
			if err := p.parse(args, typ); err != nil {
				return err
			}
			return p.call(func(c *client.Client) error { return p.run(cmd.Context(), c) })
		},
	}
	n.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&typ, "type", "", "purge every address of this function `type`")
	f.BoolVar(&p.what.DryRun, "dry-run", false, "only show what would be removed")
	yesFlag(cmd, &p.yes)
	jsonFlag(cmd, &p.json)
	return cmd
}

func yesFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVarP(to, "yes", "y", false, "do it without asking")
}

func (p *purge) parse(args []string, typ string) (err error) {
	if len(args) == 0 {
		p.what.Type, err = functions.ParseTypeName(typ)
		return exit.With(exit.Usage, err)
	}
	a, err := parseAddress(args[0])
	p.what.Address = &a
	return err
}

func (p *purge) run(ctx context.Context, c *client.Client) error {
	if p.what.DryRun || !p.yes {
		preview := p.what
		preview.DryRun = true
		found, err := c.Purge(ctx, preview)
		if err != nil {
			return err
		}
		if p.what.DryRun {
			return p.show("would remove", found)
		}
		p.console.Notef("%s: %s", p.subject(), describe(found))
		if err := p.consent("remove this for good?"); err != nil {
			return err
		}
	}
	removed, err := c.Purge(ctx, p.what)
	if err != nil {
		return err
	}
	return p.show("removed", removed)
}

func (p *purge) show(verb string, what actors.Purged) error {
	if p.json {
		return p.console.JSON(struct {
			actors.Purged

			DryRun bool `json:"dry_run"`
		}{what, p.what.DryRun})
	}
	p.console.Printf("%s: %s %s\n", p.subject(), verb, describe(what))
	return nil
}

func (p *purge) subject() string {
	if p.what.Address != nil {
		return console.Clean(p.what.Address.String())
	}
	return "every " + string(p.what.Type)
}

func describe(p actors.Purged) string {
	return fmt.Sprintf("%s addresses, %s states, %s waiting messages, %s timers",
		console.Count(p.Addresses), console.Count(p.States), console.Count(p.Messages), console.Count(p.Timers))
}

// consent asks whoever is there. Where nobody is, it says how to do without.
func (n *node) consent(question string) error {
	if !n.console.CanAsk() {
		return exit.Usagef("nothing was done: nobody is here to be asked; --yes does it without asking")
	}
	if !n.console.Confirm(question) {
		return fmt.Errorf("nothing was done")
	}
	return nil
}
