package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// stateShow is the command that shows state.
type stateShow struct {
	*node

	json, raw bool
}

func stateCommand(n *node) *cobra.Command {
	s := &stateShow{node: n}
	cmd := &cobra.Command{
		Use:   "state <address> [name]",
		Short: "Show the durable state of an address",
		Long: `Shows what is durable: all states of an address (namespace/type/id) with their types
and sizes, or one of them as JSON. A value of a type that the node cannot show comes
as {"base64": …}; --raw writes its bytes as they are.

` + exit.Help,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseAddress(args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				return s.call(func(c *client.Client) error { return s.one(cmd.Context(), c, a, args[1]) })
			}
			if s.raw {
				return exit.Usagef("--raw: needs the name of a state")
			}
			return s.call(func(c *client.Client) error { return s.all(cmd.Context(), c, a) })
		},
	}
	n.flags(cmd)
	jsonFlag(cmd, &s.json)
	cmd.Flags().BoolVar(&s.raw, "raw", false, "write the bytes of a value as they are")
	cmd.MarkFlagsMutuallyExclusive("json", "raw")
	return cmd
}

func (s *stateShow) all(ctx context.Context, c *client.Client, a functions.Address) error {
	list, err := c.States(ctx, a)
	if err != nil {
		return err
	}
	switch {
	case s.json:
		err = s.console.JSON(list)
	case len(list.States) > 0:
		t := s.console.Table("NAME", "TYPE", "KIND", "SIZE", "EXPIRES").Right(4)
		for _, v := range list.States {
			t.Row(v.Name, string(v.Type), v.Kind, sizeOf(v.Kind, v.Size), moment(v.Expires))
		}
		t.Print()
	}
	if err == nil && len(list.States) == 0 {
		err = exit.With(exit.NotFound, fmt.Errorf("%s has no state", a))
	}
	return err
}

func sizeOf(kind string, n int) string {
	if kind == functions.KindValue.String() {
		return console.Bytes(n)
	}
	return console.Count(n) + " entries"
}

// moment shows a time, nothing if there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func (s *stateShow) one(ctx context.Context, c *client.Client, a functions.Address, name string) error {
	b, err := c.State(ctx, a, name, s.raw)
	if err != nil {
		return err
	}
	if s.raw {
		_, err = s.console.Out.Write(b)
		return err
	}
	return s.console.PrintJSON(b)
}
