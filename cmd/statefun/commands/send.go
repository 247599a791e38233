package commands

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// sender is the command that sends a message.
type sender struct {
	*node

	what    messageFlags
	json    string
	message client.Sending
}

func sendCommand(n *node) *cobra.Command {
	s := &sender{node: n}
	cmd := &cobra.Command{
		Use:   "send <address>",
		Short: "Send a message to an address",
		Long: `Sends a message to an address (namespace/type/id) and returns once it is durable;
with --call, prints the first reply: as JSON if the node can show it so, else its bytes.

The message is one of
  --json TEXT    JSON; --type is needed only if the function handles several JSON types
  --value TEXT   text of a type: bool, int, long, float, double or string, written so,
                 are encoded as the built-in types; of any other type it is the bytes
  --file PATH    the bytes as they are in a file, or - for standard input

With an --idempotency-key it may be sent again without a second effect.

` + exit.Help,
		Example: `  statefun send example/greeter/ann --json '{"hello": true}' --call
  statefun send example/counter/a --type long --value 5`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if s.message.To, err = parseAddress(args[0]); err != nil {
				return err
			}
			if s.message.Timeout > 0 && !s.message.Call {
				return exit.Usagef("--timeout: only --call waits for something")
			}
			if err := s.read(cmd); err != nil {
				return err
			}
			return s.call(func(c *client.Client) error { return s.send(cmd.Context(), c) })
		},
	}
	n.flags(cmd)
	f := cmd.Flags()
	s.what.flags(cmd)
	f.StringVar(&s.json, "json", "", "the message as JSON `text`")
	f.BoolVar(&s.message.Call, "call", false, "wait for the reply and print it")
	f.DurationVar(&s.message.Timeout, "timeout", 0, "how long to wait for the reply (default: the node's)")
	f.StringVar(&s.message.Key, "idempotency-key", "", "`key` under which it takes effect once")
	f.BoolVar(&s.message.Raw, "raw", false, "print the reply's bytes as they are")
	cmd.MarkFlagsMutuallyExclusive("value", "file", "json")
	cmd.MarkFlagsOneRequired("value", "file", "json")
	return cmd
}

// read makes the message of what the flags say.
func (s *sender) read(cmd *cobra.Command) (err error) {
	var t functions.TypeName
	if !cmd.Flags().Changed("json") {
		t, s.message.Body, err = s.what.read(cmd, s.console.In)
	} else if s.what.typ != "" {
		t, _, err = s.what.typeName()
	}
	if err != nil {
		return err
	}
	s.message.Media = client.MediaJSON
	if t != "" {
		s.message.Media = client.MediaOf(t)
	}
	if !cmd.Flags().Changed("json") {
		return nil
	}
	if !json.Valid([]byte(s.json)) {
		return exit.Usagef("--json: %q is not JSON", s.json)
	}
	s.message.Body = []byte(s.json)
	return nil
}

func (s *sender) send(ctx context.Context, c *client.Client) error {
	reply, err := c.Send(ctx, s.message)
	if err != nil || !s.message.Call {
		return err
	}
	if reply.Media == client.MediaJSON {
		return s.console.PrintJSON(reply.Body)
	}
	if _, err = s.console.Out.Write(reply.Body); err == nil && console.IsTerminal(s.console.Out) {
		s.console.Notef("\n(%d bytes, %s)", len(reply.Body), console.Clean(reply.Media))
	}
	return err
}
