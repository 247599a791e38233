package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func statusCommand(n *node) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a node does",
		Long: `Shows which application a node runs, its functions, and how much it holds and does.

` + exit.Help,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return n.call(func(c *client.Client) error {
				status, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return n.console.PrintJSON(status)
				}
				return printStatus(n.console, c.URL(), status)
			})
		},
	}
	n.flags(cmd)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printStatus(*console.Console, string, json.RawMessage) error { return nil }

var _ = fmt.Sprint
var _ = slices.Sort[[]int]
var _ = strconv.Itoa
