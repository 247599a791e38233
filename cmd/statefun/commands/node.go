package commands

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/environment"
)

// node is the flags of a command that talks to a running node.
type node struct {
	console *console.Console
	data    string
	config  client.Config
}

// clientCommands are those that talk to a running node.
func clientCommands(c *console.Console, p Program) []*cobra.Command {
	n := func() *node { return &node{console: c, data: p.DataDir} }
	return []*cobra.Command{
		statusCommand(n()), sendCommand(n()), stateCommand(n()), quarantineCommand(n()), purgeCommand(n()),
	}
}

// flags adds the node's flags to a command and those below it.
func (n *node) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&n.data, "data", cmp.Or(n.data, "statefun-data"), "the node that runs on this data `directory`")
	f.StringVar(&n.config.Addr, "addr", "", "the node at this `URL`, instead of --data")
	f.StringVar(&n.config.TokenFile, "token-file", "", "`file` with the token that the node wants")
	f.StringVar(&n.config.CAFile, "ca-file", "", "`file` with more certificates to trust, PEM")
	cmd.MarkFlagsMutuallyExclusive("data", "addr")
}

// connect returns a client of the node that the flags name.
func (n *node) connect() (*client.Client, error) {
	config := n.config
	if config.Addr == "" {
		info, err := datadir.ReadNode(environment.Real().FS, n.data)
		if err != nil {
			return nil, noNode(n.data, err)
		}
		config.Addr = info.HTTP
	}
	c, err := client.New(config)
	return c, exit.With(exit.Usage, err)
}

func noNode(data string, err error) error {
	if _, missing := os.Stat(data); errors.Is(missing, fs.ErrNotExist) {
		return fmt.Errorf("there is no data directory %s; name one with --data, or a node with --addr", data)
	}
	return err
}

// call runs f with a client of the node, and gives its error an exit code.
func (n *node) call(f func(c *client.Client) error) error {
	c, err := n.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	err = f(c)
	switch {
	case client.NotFound(err):
		return exit.With(exit.NotFound, err)
	case errors.Is(err, client.ErrNoNode) && n.config.Addr == "":
		return &advised{err, "that is what " + n.data + " says; if its node was killed, start it again"}
	}
	return err
}

func parseAddress(text string) (functions.Address, error) {
	a, err := functions.ParseAddress(text)
	if err == nil {
		err = a.Validate()
	}
	return a, exit.With(exit.Usage, err)
}
