package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// checker is the command that looks at a function server.
type checker struct {
	console *console.Console
	program Program

	message  messageFlags
	text     string
	function string
	paths    []string
	options  check.Options
	json     bool
}

func checkCommand(c *console.Console, p Program) *cobra.Command {
	k := &checker{console: c, program: p}
	cmd := &cobra.Command{
		Use:   "check [URL]",
		Short: "Speak the protocol to a function server and say what is wrong",
		Long: `Speaks the protocol to a function server as the runtime would, and says in words what
it finds, and what to do: name, connection, TLS, status, Content-Type, the handshake
for state, effects, several messages in one request, sizes, compression.

The URL is one that a urlPathTemplate could be. With -f, the endpoint of --function in
a module file is checked instead, with its headers, certificates and time-outs.

What is sent:
  no --function   GETs, and requests for a function type that no server has. A server
                  that does not look at the type would take them for messages.
  --function      also requests for it that hold no message: they call nothing.
  and a message   (--value, --string or --file) the function is called with it, ` + fmt.Sprint(check.Invocations) + ` times.
                  Its state is what the check sends along, and is forgotten; what it
                  sends goes nowhere. But what it does beside, it does: take a message
                  that does no harm.

Exit codes: 0 all is well, 1 something is wrong (✗), 2 wrong usage, 3 the server was
not reached, 130 interrupted.`,
		Example: `  statefun check http://localhost:8000/statefun
  statefun check http://localhost:8000/statefun --function example/greeter --string Ann
  statefun check -f module.yaml --function example/greeter --type example/Visit --value '{"name": "Ann"}'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := k.read(cmd, args); err != nil {
				return err
			}
			return k.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&k.function, "function", "", "`name` of the function to speak with: namespace/name")
	f.StringVar(&k.options.ID, "id", "check", "`id` of the function's instance")
	k.message.flags(cmd)
	f.StringVar(&k.text, "string", "", "the message as `text` of the built-in type string")
	f.StringArrayVarP(&k.paths, "module", "f", nil, "module `file` or directory that has the endpoint; may be given again")
	f.DurationVar(&k.options.Timeout, "timeout", 10*time.Second, "for each request, and for connecting")
	jsonFlag(cmd, &k.json)
	cmd.MarkFlagsMutuallyExclusive("value", "file", "string")
	cmd.MarkFlagsMutuallyExclusive("type", "string")
	return cmd
}

// read makes options of the command line.
func (k *checker) read(cmd *cobra.Command, args []string) (err error) {
	f := cmd.Flags()
	if k.options.Timeout <= 0 {
		return exit.Usagef("--timeout: expected more than 0, found %v", k.options.Timeout)
	}
	if k.function != "" {
		if k.options.Function, err = functions.ParseTypeName(k.function); err != nil {
			return exit.Usagef("--function: expected namespace/name, found %q", k.function)
		}
	}
	if err = k.options.Function.At(k.options.ID).Validate(); k.function != "" && err != nil {
		return exit.Usagef("--id: %w", err)
	}
	given := f.Changed("value") || f.Changed("file") || f.Changed("string")
	switch {
	case given && k.function == "":
		return exit.Usagef("--function: a message needs a function to go to")
	case f.Changed("type") && !given:
		return exit.Usagef("--type: the type of what? Expected --value or --file beside it")
	case f.Changed("string"):
		k.message.typ, k.message.value = "string", k.text
	}
	if given {
		t, body, err := k.message.read(cmd, k.console.In)
		if err != nil {
			return err
		}
		k.options.Message = protocol.TypedValue{Present: true, Typename: t, HasValue: true, Value: body}
	}
	return k.endpoint(args)
}

// endpoint finds out where the server is.
func (k *checker) endpoint(args []string) error {
	if len(k.paths) == 0 {
		if len(args) == 0 {
			return exit.Usagef("expected the URL of a function server, or -f and --function")
		}
		k.options.Endpoint = endpoint.Config{URL: args[0], TLS: endpoint.TLS{VerifyHostname: endpoint.HostnameVerified}}
		return nil
	}
	if len(args) > 0 || k.function == "" {
		return exit.Usagef("--module: the URL is that of the endpoint of --function, so expected --function and no URL")
	}
	m, _, err := module.Load(k.paths, module.Options{Registry: k.program.Kinds, MaxProblems: maxProblems})
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	e := m.Endpoint(k.options.Function)
	if e == nil {
		return exit.Usagef("--function: no endpoint in %s has %s", strings.Join(k.paths, ", "), k.function)
	}
	k.options.Endpoint = e.Config()
	k.options.Egresses = []functions.Egress{}
	for _, e := range m.Egresses {
		k.options.Egresses = append(k.options.Egresses, e.EgressID())
	}
	return nil
}

func (k *checker) run(ctx context.Context) error {
	if k.options.Message.Present {
		k.console.Notef("calls %s up to %d times with the message; what it does beside state and messages, it does",
			console.Clean(k.function), check.Invocations)
	}
	if !k.json {
		k.options.Found = k.print
	}
	r, err := check.Run(ctx, k.options)
	if e, ok := errors.AsType[*endpoint.ConfigError](err); ok {
		return exit.With(exit.Usage, e)
	}
	if err == nil && k.json {
		err = k.console.JSON(r)
	}
	switch {
	case err != nil:
		return err
	case !r.Reached:
		return exit.With(exit.NotFound, fmt.Errorf("%s was not reached", r.URL))
	case !r.Healthy:
		return fmt.Errorf("%s is not as it should be", r.URL)
	case !k.json:
		k.console.Printf("\nall is well\n")
	}
	return nil
}

// marks of the outcomes.
func mark(o check.Outcome) string {
	switch o {
	case check.OK:
		return "✓"
	case check.Failed:
		return "✗"
	case check.Note, check.Skipped:
	}
	return "–"
}

func (k *checker) print(f check.Finding) {
	c := k.console
	c.Printf("%s %-17s %s", mark(f.Outcome), f.Check, console.Clean(f.What))
	if f.Milliseconds > 0 {
		c.Printf(" (%.1f ms)", f.Milliseconds)
	}
	c.Printf("\n")
	if f.Advice != "" {
		c.Printf("%20s→ %s\n", "", console.Clean(f.Advice))
	}
}
