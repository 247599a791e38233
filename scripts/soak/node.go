package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

// nodeEnv makes this program be the node, as the command line runs one.
const nodeEnv = "STATEFUN_SOAK_NODE"

const (
	soakType functions.TypeName = "soak/grain"
	outbox   functions.Egress   = "soak/out"
	// stateLives is how long an address that nobody uses is remembered.
	stateLives = 15 * time.Second
)

var (
	count  = functions.Value("count", functions.Int64).ExpireAfterWrite(stateLives)
	recent = functions.List("recent", functions.Int64).ExpireAfterWrite(stateLives)
)

// soaked does a bit of everything; the message's hash decides what.
func soaked(ctx functions.Context, hops int64) error {
	n, _ := count.Get(ctx)
	count.Set(ctx, n+1)
	recent.Append(ctx, hops)
	if recent.Len(ctx) > 20 {
		recent.DropFirst(ctx, 10)
	}
	h := fnv.New32a()
	fmt.Fprint(h, ctx.Self().ID, n, hops)
	draw := h.Sum32()
	if hops > 0 {
		ctx.Send(soakType.At(fmt.Sprint("hot-", draw%1000)), functions.Int64.Of(hops-1))
	}
	switch {
	case draw%5 == 0:
		ctx.SendAfter(time.Duration(draw%4000)*time.Millisecond, ctx.Self(), functions.Int64.Of(0))
	case draw%7 == 0:
		token := fmt.Sprint(n)
		ctx.SendAfter(time.Hour, ctx.Self(), functions.Int64.Of(0), functions.CancelToken(token))
		ctx.Cancel(token)
	case draw%11 == 0:
		ctx.Send(outbox, functions.Int64.Of(n))
	case draw%1009 == 0:
		return functions.Permanent(errors.New("this one is broken"))
	case draw%503 == 0 && hops > 0:
		panic("this one is broken, too") //nolint:forbidigo // a failure to be got over
	}
	if _, ok := ctx.Caller(); ok && hops == callHops {
		ctx.Reply(functions.Int64.Of(n + 1))
	}
	return nil
}

// callHops marks a message whose sender waits for an answer.
const callHops = 3

func runNode() {
	app := statefun.New(statefun.Config{
		HTTP: "127.0.0.1:0", IdleAfter: 3 * time.Second, LogBytes: 16 << 20, MaxAttempts: 2, LastBackoff: time.Second,
	})
	app.Register(functions.Function{
		Type: soakType, States: []functions.State{count, recent},
		Handlers: []functions.Handler{functions.On(functions.Int64, soaked)},
	})
	app.EgressFunc(outbox, func(context.Context, statefun.Record) error { return nil })
	statefun.Main(app)
}

// process is the node.
type process struct {
	cmd  *exec.Cmd
	data string
	url  string
}

// launch starts a node and returns when it listens.
func launch(ctx context.Context, data string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, "run", "--data", data, "--log-level", "warn"), data: data}
	p.cmd.Env = append(os.Environ(), nodeEnv+"=1")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if url, ok := strings.CutPrefix(s.Text(), "listening"); ok {
			p.url = strings.TrimSpace(url)
			go io.Copy(io.Discard, out) //nolint:errcheck // until the node ends
			return p, nil
		}
	}
	return nil, fmt.Errorf("the node does not start: %w", p.cmd.Wait())
}

// stop lets the node drain.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the node: %w", err)
	}
	return nil
}
