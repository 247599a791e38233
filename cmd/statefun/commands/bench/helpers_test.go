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
	"github.com/statefun-go/statefun/connectors/endpoint"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// testNode is an engine behind its HTTP door.
type testNode struct {
	engine    *actors.Engine
	door      *door.Server
	endpoints []*endpoint.Endpoint
}

func (n *testNode) Engine() *actors.Engine { return n.engine }

func (n *testNode) URL() string { return n.door.URL() }

func (n *testNode) Close() error {
	err := errors.Join(n.door.Close(context.Background()), n.engine.Close())
	for _, e := range n.endpoints {
		e.Close()
	}
	return err
}

// bind opens the endpoints of module files.
func (n *testNode) bind(files []string, o *actors.Options) error {
	if len(files) == 0 {
		return nil
	}
	m, _, err := module.Load(files, module.Options{})
	if err != nil {
		return err
	}
	for _, e := range m.Endpoints {
		opened, err := endpoint.Open(endpoint.Config{URL: e.URLPathTemplate})
		if err != nil {
			return err
		}
		n.endpoints = append(n.endpoints, opened)
		o.Remotes = append(o.Remotes, actors.Remote{Functions: string(e.Functions), Caller: testCaller{opened}})
	}
	return nil
}

// testCaller is an actors.Caller to which all failures are alike.
type testCaller struct{ *endpoint.Endpoint }

func (c testCaller) Call(ctx context.Context, f functions.TypeName, request []byte) ([]byte, error) {
	return c.Attempt(ctx, endpoint.Request{Function: f, Body: request})
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
	n := &testNode{}
	if err := n.bind(c.Modules, &o); err != nil {
		return nil, err
	}
	o.Egresses = map[functions.TypeName]actors.Sink{}
	for id, sink := range c.Egresses {
		o.Egresses[functions.TypeName(id)] = sink
	}
	e, err := actors.Open(o)
	if err != nil {
		return nil, err
	}
	n.engine, n.door = e, door.New(door.Options{Node: e, Environment: o.Environment, Address: c.HTTP})
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

// measure runs one command line of bench on the test's node. more are arguments with
// spaces in them.
func measure(t *testing.T, line string, more ...string) Report {
	t.Helper()
	out, _, err := execute(t, startNode, append(append(strings.Fields(line), more...), "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}
