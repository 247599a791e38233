package statefun_test

import (
	"context"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

const out = functions.Egress("test/out")

func countingApp() *statefun.App {
	seen := functions.Value("seen", functions.Int64)
	app := statefun.New(statefun.Config{Name: "test"})
	app.Register(functions.Function{
		Type: "test/counter", States: []functions.State{seen},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, _ string) error {
			n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
			ctx.Send(out, functions.Int64.Of(n))
			if _, ok := ctx.Caller(); ok {
				ctx.Reply(functions.Int64.Of(n))
			}
			return nil
		})},
	})
	return app
}

func TestHarnessRunsAndRestarts(t *testing.T) {
	t.Parallel()
	h := statefun.NewHarness(t, countingApp(), out)
	to := functions.TypeName("test/counter").At("a/b/c")
	h.Send(to, functions.String.Of("x"))
	h.Restart()
	got, err := functions.Int64.From(h.Call(to, functions.String.Of("x")))
	if err != nil || got != 2 {
		t.Fatalf("got %d, %v", got, err)
	}
	h.Idle()
	if r := h.Records(out); len(r) != 2 || r[1].Key != "a/b/c" {
		t.Fatalf("got %+v", r)
	}
}

// Checks 102 and 104: an ingress for Go code, with several routers.
func TestIngressWithSeveralRouters(t *testing.T) {
	t.Parallel()
	app := countingApp()
	in := app.Ingress("test/in",
		func(m functions.Message, send func(functions.Address, functions.Message)) error {
			id, err := functions.String.From(m)
			send(functions.TypeName("test/counter").At(id), m)
			return err
		},
		func(m functions.Message, send func(functions.Address, functions.Message)) error {
			send(functions.TypeName("test/counter").At("all"), m)
			return nil
		})
	if err := in.Send(t.Context(), functions.String.Of("early")); err == nil {
		t.Fatal("an ingress took a message before the application ran")
	}
	h := statefun.NewHarness(t, app, out)
	for _, id := range []string{"a", "b", "a"} {
		if err := in.Send(t.Context(), functions.String.Of(id)); err != nil {
			t.Fatal(err)
		}
	}
	h.Idle()
	want := map[string]int64{"a": 2, "b": 1, "all": 3}
	got := map[string]int64{}
	for _, r := range h.Records(out) {
		got[r.Key]++
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("%s: got %d, want %d", id, got[id], n)
		}
	}
}

// A sink that is made at the start sees what the command line has made of the
// configuration.
func TestEgressFromConfig(t *testing.T) {
	t.Parallel()
	made := make(chan statefun.Config, 2)
	app := countingApp().EgressFrom(out, func(c statefun.Config) statefun.Sink {
		made <- c
		return actors.HandlerSink(func(context.Context, statefun.Record) error { return nil })
	})
	app.Config.DataDir = "later"
	h := statefun.NewHarness(t, app) // which runs in "/harness", in memory
	h.Restart()
	for range 2 {
		if c := <-made; c.DataDir != "/harness" || c.Environment == nil {
			t.Errorf("got %+v", c)
		}
	}
	if err := countingApp().EgressFunc(out, nil).EgressFrom(out, nil).Run(t.Context()); err == nil {
		t.Error("an egress is bound twice")
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]statefun.Config{
		"HTTP":      {HTTP: "nonsense"},
		"TLS":       {TLSCert: "a.pem"},
		"negative":  {MaxAttempts: -1},
		"KeyGroups": {KeyGroups: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.DataDir = t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := statefun.New(c).Run(ctx); err == nil {
				t.Error("no error")
			}
		})
	}
}
