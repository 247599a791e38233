package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Check 100: asynchronous work answers "unknown" after a restart, once.
func TestAsynchronousWork(t *testing.T) {
	log := functions.List("log", functions.String)
	work := functions.Async("work", functions.String, functions.String)
	fn := &functions.Function{Type: testType, States: []functions.State{log}, Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error {
			if s == "get" {
				replyAll(ctx, log)
				return nil
			}
			log.Append(ctx, s)
			work.Start(ctx, s, func(ctx context.Context) (string, error) {
				switch s {
				case "fail":
					return "", errors.New("no")
				case "panic":
					panic("no")
				case "exit":
					runtime.Goexit()
				case "block":
					<-ctx.Done()
					return "", ctx.Err()
				}
				return "fine", nil
			})
			return nil
		}),
		functions.OnResult(work, func(ctx functions.Context, r functions.Result[string, string]) error {
			log.Append(ctx, fmt.Sprintf("%s=%s", r.Metadata, r.Status))
			return nil
		}),
	}}
	within(t, Options{Functions: []*functions.Function{fn}}, func(n *node) {
		for _, s := range []string{"ok", "fail", "panic", "exit"} {
			n.send(s, text(s))
		}
		n.send("block", text("block"))
		n.send("block", text("ok")) // the address is not busy meanwhile
		pass(time.Second)
		for id, want := range map[string]string{
			"ok": "ok,ok=success", "fail": "fail,fail=failure", "panic": "panic,panic=failure", "exit": "exit,exit=failure",
			"block": "block,ok,ok=success",
		} {
			if got := textOf(n.t, n.call(id, text("get"))); got != want {
				n.t.Errorf("got %q, want %q", got, want)
			}
		}
		n.restart()
		n.restart()
		pass(time.Second)
		if got, want := textOf(n.t, n.call("block", text("get"))), "block,ok,ok=success,block=unknown"; got != want {
			n.t.Errorf("got %q, want %q", got, want)
		}
		if m := n.Metrics(); m.Async != 0 {
			n.t.Errorf("got %+v", m)
		}
	})
}
