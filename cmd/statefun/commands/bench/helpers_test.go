package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// testNode is an engine behind its HTTP door.
type testNode struct {
	engine *actors.Engine
	door   *door.Server
}

func (n *testNode) Engine() *actors.Engine { return n.engine }

func (n *testNode) URL() string { return n.door.URL() }

func (n *testNode) Close() error {
	return errors.Join(n.door.Close(context.Background()), n.engine.Close())
}

// startNode is a StartNode.
func startNode(ctx context.Context, c NodeConfig, fs ...functions.Function) (Node, error) {
	o := actors.Options{
		Environment: c.Environment(), Logger: slog.New(slog.DiscardHandler), Journal: persistence.Options{Dir: c.DataDir},
		LiveGrains: c.LiveGrains,
	}
	for i := range fs {
		o.Functions = append(o.Functions, &fs[i])
	}
	e, err := actors.Open(o)
	if err != nil {
		return nil, err
	}
	n := &testNode{e, door.New(door.Options{Node: e, Environment: o.Environment, Address: c.HTTP})}
	if err := e.Start(); err != nil || c.HTTP == "off" {
		return n, err
	}
	return n, n.door.Start(ctx)
}

// execute runs one command line of bench.
func execute(t *testing.T, start StartNode, args ...string) (out, notes string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	dir := t.TempDir()
	cmd := Command(&console.Console{In: strings.NewReader(""), Out: &o, Err: &e}, start)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetArgs(append(args, "--data", dir))
	err = cmd.ExecuteContext(t.Context())
	wantEmpty(t, dir)
	return o.String(), e.String(), err
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// brief is a run that is over in no time.
func brief() GrainsConfig {
	return GrainsConfig{Addresses: 20, InFlight: 64, Warmup: time.Millisecond, Duration: 100 * time.Millisecond}
}

// measure runs one command line of bench on the test's node.
func measure(t *testing.T, line string) Report {
	t.Helper()
	out, _, err := execute(t, startNode, append(strings.Fields(line), "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}
