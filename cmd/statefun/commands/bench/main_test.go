package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/remote"
)

// TestMain makes the test binary a function server, if its first argument says so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if serve := testServers[os.Args[1]]; serve != nil {
			if err := serve(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

// testServers are function servers, by how they behave.
var testServers = map[string]func() error{
	"serve-good": func() error { return serveHop(hop.Function()) },
	"serve-double": func() error {
		f := hop.Function()
		seen := functions.Value(hop.State, functions.Long)
		f.States = []functions.State{seen}
		f.Handlers = []functions.Handler{functions.On(hop.Payload, func(ctx functions.Context, in []byte) error {
			seen.Update(ctx, func(n int64) int64 { return n + 2 })
			s, err := hop.Next(in)
			if s.Ends {
				ctx.Send(hop.Ended, hop.Payload.Of(s.Message))
			}
			return err
		})}
		return serveHop(f)
	},
	"serve-nothing": func() error { return errors.New("this server has a cold") },
	"serve-nonsense": func() error {
		if _, err := fmt.Fprintln(os.Stdout, "hello"); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	},
}

func serveHop(f functions.Function) error {
	h, err := remote.NewHandler(remote.Options{}, f)
	if err != nil {
		return err
	}
	return hop.Serve(context.Background(), os.Stdin, os.Stdout, http.Handler(h))
}
