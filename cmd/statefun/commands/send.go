package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// sender is the command that sends a message.
type sender struct {
	*node

	typ, value, file, json string
	message                client.Sending
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
	f.StringVar(&s.typ, "type", "", "`type` of the message: namespace/name, or a built-in one's name")
	f.StringVar(&s.value, "value", "", "the message as `text`")
	f.StringVar(&s.file, "file", "", "`path` of the message, - for standard input")
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
	t, encode := builtin(s.typ)
	if t == "" {
		if s.typ != "" || !cmd.Flags().Changed("json") {
			if t, err = functions.ParseTypeName(s.typ); err != nil {
				return exit.Usagef("--type: expected namespace/name, bool, int, long, float, double or string, found %q", s.typ)
			}
		}
	}
	switch f := cmd.Flags(); {
	case f.Changed("json"):
		if !json.Valid([]byte(s.json)) {
			return exit.Usagef("--json: %q is not JSON", s.json)
		}
		s.message.Body = []byte(s.json)
	case f.Changed("file"):
		if s.message.Body, err = s.readFile(); err != nil {
			return err
		}
	case encode != nil:
		if s.message.Body, err = encode(s.value); err != nil {
			return exit.Usagef("--value: %q is no %s", s.value, s.typ)
		}
	default:
		s.message.Body = []byte(s.value)
	}
	s.message.Media = client.MediaJSON
	if t != "" {
		s.message.Media = client.MediaOf(t)
	}
	return nil
}

func (s *sender) readFile() ([]byte, error) {
	if s.file == "-" {
		return io.ReadAll(s.console.In)
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	return b, nil
}

// builtin returns a built-in type, by its name or by what comes after the slash in
// it, and how its values are read from text.
func builtin(name string) (functions.TypeName, func(text string) ([]byte, error)) {
	switch name {
	case "bool", string(functions.Bool.Name()):
		return functions.Bool.Name(), fromText(functions.Bool, strconv.ParseBool)
	case "int", string(functions.Int.Name()):
		return functions.Int.Name(), fromText(functions.Int, func(s string) (int32, error) {
			v, err := strconv.ParseInt(s, 10, 32)
			return int32(v), err
		})
	case "long", string(functions.Long.Name()):
		return functions.Long.Name(), fromText(functions.Long, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case "float", string(functions.Float.Name()):
		return functions.Float.Name(), fromText(functions.Float, func(s string) (float32, error) {
			v, err := strconv.ParseFloat(s, 32)
			return float32(v), err
		})
	case "double", string(functions.Double.Name()):
		return functions.Double.Name(), fromText(functions.Double, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case "string", string(functions.String.Name()):
		return functions.String.Name(), functions.String.Encode
	}
	return "", nil
}

func fromText[T any](t functions.Type[T], parse func(string) (T, error)) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		v, err := parse(text)
		if err != nil {
			return nil, err
		}
		return t.Encode(v)
	}
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
