package bench

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/functions/remote"
)

// serve is the function server with this project's SDK. remote starts it.
func (o *options) serve() *cobra.Command {
	return &cobra.Command{
		Use:    serveOwn,
		Short:  "Serve the function that bench remote measures",
		Hidden: true,
		Args:   noArgs,
		// As any function server: with the garbage collector that Go gives it.
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.NewTextHandler(o.console.Err, nil))}, hop.Function())
			if err != nil {
				return err
			}
			return hop.Serve(cmd.Context(), o.console.In, o.console.Out, h)
		},
	}
}
