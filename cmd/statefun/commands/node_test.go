package commands_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

type greeting struct {
	Name string `json:"name"`
}

type greeted struct {
	Times int64 `json:"times"`
}

var (
	greetingType = functions.JSON[greeting]("test/greeting")
	greetedType  = functions.JSON[greeted]("test/greeted")
	opaqueType   = functions.Bytes("test/opaque")

	seen  = functions.Value("seen", functions.Int64)
	names = functions.List("names", functions.String)
)

// greeter counts and replies; it does not like the name "bad".
var greeter = functions.Function{
	Type: "test/greeter", States: []functions.State{seen, names}, MaxAttempts: 2,
	Handlers: []functions.Handler{
		functions.On(greetingType, func(ctx functions.Context, g greeting) error {
			if g.Name == "bad" {
				return errors.New("no \x1b[31mgood")
			}
			n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
			names.Append(ctx, g.Name)
			if _, ok := ctx.Caller(); ok {
				ctx.Reply(greetedType.Of(greeted{n}))
			}
			return nil
		}),
		functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			ctx.Reply(functions.Int64.Of(n + 1))
			return nil
		}),
		functions.On(opaqueType, func(ctx functions.Context, b []byte) error {
			ctx.Reply(opaqueType.Of(append([]byte{0}, b...)))
			return nil
		}),
	},
}

// start runs a node, and returns a shell of commands whose default is that node.
func start(t *testing.T) *shell {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	app := statefun.New(statefun.Config{
		Name: "greetings", DataDir: data, HTTP: "127.0.0.1:0", FirstBackoff: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	n, err := app.Register(greeter).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return &shell{program: commands.Program{DataDir: data}}
}

func TestSend(t *testing.T) {
	t.Parallel()
	s := start(t)
	if r := s.expect(t, exit.OK, `send test/greeter/x/y --json {"name":"ann"}`); r.out != "" {
		t.Errorf("printed %s", r.out)
	}
	call := func(want, line string) {
		t.Helper()
		if r := s.expect(t, exit.OK, line); r.out != want {
			t.Errorf("%s: got %q, want %q", line, r.out, want)
		}
	}
	call("{\"times\":2}\n", `send test/greeter/x/y --json {"name":"bob"} --call`)
	call("{\"times\":3}\n", `send test/greeter/x/y --type test/greeting --value {"name":"eve"} --call --timeout 5s`)
	call("42\n", "send test/greeter/z --type long --value 41 --call")
	call("42\n", "send test/greeter/z --type io.statefun.types/long --value 41 --call")
	call("\x09\x2a\x00\x00\x00\x00\x00\x00\x00", "send test/greeter/z --type long --value 41 --call --raw")
	call("\x00abc", "send test/greeter/z --type test/opaque --value abc --call")

	file := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(file, []byte("a b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	call("\x00a b\n", "send test/greeter/z --type test/opaque --call --file "+file)
	s.in = "from standard input"
	call("\x00from standard input", "send test/greeter/z --type test/opaque --call --file -")

	for range 2 {
		call("{\"times\":1}\n", `send test/greeter/once --json {"name":"a"} --call --idempotency-key k`)
	}
	s.expect(t, exit.Failed, `send test/greeter/once --json {"name":"b"} --call --idempotency-key k`, "Idempotency-Key")
	s.expect(t, exit.NotFound, `send test/nobody/x --json {}`, "unknown function test/nobody")
	s.expect(t, exit.Failed, `send test/greeter/x --json {"name":"bad"} --call`, `quarantined: no \x1b[31mgood`)
	s.expect(t, exit.Failed, "send test/greeter/x --type long --file "+file+"-missing", "--file:")
}

func TestState(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.expect(t, exit.OK, `send test/greeter/state --json {"name":"ann"} --call`)
	s.expect(t, exit.OK, "state test/greeter/state", "NAME ", "KIND", "\nseen ", "io.statefun.types/long", "9 B\n", "\nnames ", "list", "1 entries\n")
	r := s.expect(t, exit.OK, "state test/greeter/state --json")
	var list struct {
		Address string
		States  []struct {
			Name, Type, Kind string
			Size             int
		}
	}
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || list.Address != "test/greeter/state" || len(list.States) != 2 || list.States[0].Size != 9 {
		t.Errorf("got %s, %v", r.out, err)
	}
	for line, want := range map[string]string{
		"state test/greeter/state seen":        "1\n",
		"state test/greeter/state seen --json": "1\n",
		"state test/greeter/state names":       "[\"ann\"]\n",
		"state test/greeter/state seen --raw":  "\x09\x01\x00\x00\x00\x00\x00\x00\x00",
	} {
		if r := s.expect(t, exit.OK, line); r.out != want {
			t.Errorf("%s: got %q, want %q", line, r.out, want)
		}
	}
	s.expect(t, exit.NotFound, "state test/greeter/nobody", "test/greeter/nobody has no state")
	s.expect(t, exit.NotFound, "state test/greeter/nobody seen", "no such state")
	s.expect(t, exit.NotFound, "state test/greeter/state missing", "missing")
	s.expect(t, exit.NotFound, "state test/nobody/x", "unknown function")
}

// quarantined sends messages that fail, and returns the sequence of the last.
func quarantined(t *testing.T, s *shell, ids ...string) string {
	t.Helper()
	for _, id := range ids {
		s.expect(t, exit.Failed, `send test/greeter/`+id+` --json {"name":"bad"} --call`, "quarantined")
	}
	var list struct {
		Messages []struct {
			Address  string
			Sequence uint64
		}
	}
	r := s.expect(t, exit.OK, "quarantine list --json")
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Messages {
		if m.Address == "test/greeter/"+ids[len(ids)-1] {
			return strconv.FormatUint(m.Sequence, 10)
		}
	}
	t.Fatalf("%v is not in %s", ids, r.out)
	return ""
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	s := start(t)
	if r := s.expect(t, exit.OK, "quarantine list"); r.out != "" || r.notes != "no messages\n" {
		t.Errorf("got %+v", r)
	}
	sequence := quarantined(t, s, "a", "b", "c")
	s.expect(t, exit.OK, "quarantine list", "ADDRESS ", "test/greeter/a ", "test/greeter/c ", `no \x1b[31mgood`)
	if r := s.expect(t, exit.OK, "quarantine list --limit 1"); r.notes != "and more\n" || strings.Count(r.out, "\n") != 2 {
		t.Errorf("got %+v", r)
	}
	s.expect(t, exit.OK, "quarantine list --function test/other")

	s.expect(t, exit.OK, "quarantine show test/greeter/c "+sequence, "address ", "test/greeter/c\n", `{"name":"bad"}`, "attempts  2\n")
	r := s.expect(t, exit.OK, "quarantine show --json test/greeter/c "+sequence)
	var d struct {
		Error    string
		Attempts int
		Value    greeting
	}
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || d.Attempts != 2 || d.Value.Name != "bad" || !strings.Contains(d.Error, "good") {
		t.Errorf("got %s, %v", r.out, err)
	}
	s.expect(t, exit.NotFound, "quarantine show test/greeter/c 99", "no such message")

	s.expect(t, exit.OK, "quarantine drop test/greeter/c "+sequence, "dropped 1 message\n")
	s.expect(t, exit.NotFound, "quarantine drop test/greeter/c "+sequence, "no such message")
	s.expect(t, exit.NotFound, "quarantine retry test/greeter/c "+sequence, "no such message")

	s.expect(t, exit.Usage, "quarantine drop --all", "test/greeter/a", "nothing was done", "--yes")
	s.expect(t, exit.OK, "quarantine drop --function test/other --yes", "dropped 0 messages\n")
	s.expect(t, exit.OK, "quarantine drop --function test/greeter --yes --json", `{"dropped":2}`)
	s.expect(t, exit.OK, "quarantine retry --all", "retried 0 messages\n")
	if r := s.expect(t, exit.OK, "quarantine list"); r.out != "" {
		t.Errorf("left: %s", r.out)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	s := start(t)
	sequence := quarantined(t, s, "a")
	s.expect(t, exit.OK, "quarantine retry test/greeter/a "+sequence, "retried 1 message\n")
	// It fails again, as a message of its own.
	waitFor(t, func() bool {
		r := s.expect(t, exit.OK, "quarantine list")
		return strings.Contains(r.out, "test/greeter/a ") && !strings.Contains(r.out, " "+sequence+" ")
	})
	s.expect(t, exit.OK, "quarantine retry --all --yes", "retried 1 message\n")
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !what(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, id := range []string{"a", "b", "c"} {
		s.expect(t, exit.OK, `send test/greeter/`+id+` --json {"name":"ann"} --call`)
	}
	s.expect(t, exit.OK, "purge test/greeter/a --dry-run", "test/greeter/a: would remove 1 addresses, 2 states, 0 waiting messages, 0 timers")
	s.expect(t, exit.OK, "purge test/greeter/a --dry-run --json", `"dry_run":true`, `"states":2`)
	s.expect(t, exit.Usage, "purge test/greeter/a", "2 states", "nothing was done", "--yes")
	s.expect(t, exit.OK, "state test/greeter/a")
	s.expect(t, exit.OK, "purge test/greeter/a --yes", "test/greeter/a: removed 1 addresses, 2 states")
	s.expect(t, exit.NotFound, "state test/greeter/a")
	s.expect(t, exit.OK, "state test/greeter/b")
	s.expect(t, exit.OK, "purge --type test/greeter --yes --json", `"addresses":2`, `"dry_run":false`)
	s.expect(t, exit.NotFound, "state test/greeter/b")
	s.expect(t, exit.NotFound, "purge test/nobody/x --yes", "unknown function")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.expect(t, exit.OK, `send test/greeter/a --json {"name":"ann"} --call`)
	s.expect(t, exit.OK, "status", "listening ", "http://127.0.0.1:", "name ", "greetings\n", "accepted messages", "\nFUNCTION ", "\ntest/greeter ")
	r := s.expect(t, exit.OK, "status --json")
	var status struct {
		Node      struct{ Name string }
		Accepted  int
		Functions map[string]struct{ In int }
	}
	if err := json.Unmarshal([]byte(r.out), &status); err != nil || status.Node.Name != "greetings" || status.Accepted != 1 || status.Functions["test/greeter"].In != 1 {
		t.Errorf("got %s, %v", r.out, err)
	}
}

func TestWhichNode(t *testing.T) {
	t.Parallel()
	s := start(t)
	data := s.program.DataDir
	s.program.DataDir = ""
	s.expect(t, exit.Failed, "status", "there is no data directory statefun-data", "--data", "--addr")
	s.expect(t, exit.OK, "status --data "+data)
	r := s.expect(t, exit.OK, "status --data "+data)
	_, url, _ := strings.Cut(r.out, "http://")
	url, _, _ = strings.Cut(url, "\n")
	s.expect(t, exit.OK, "status --addr "+url)
	s.expect(t, exit.OK, "quarantine list --addr http://"+url)
	s.expect(t, exit.Failed, "status --data "+t.TempDir(), "no node runs on the data directory")
}

// A node that was killed leaves node.json behind.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "node.json"), []byte(`{"pid":1,"http":"http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &shell{}
	s.expect(t, exit.Failed, "status --data "+dir, "no node answers at http://127.0.0.1:1", "if its node was killed, start it again")
	r := s.expect(t, exit.Failed, "status --addr 127.0.0.1:1", "no node answers at http://127.0.0.1:1")
	if strings.Contains(r.notes, "was killed") {
		t.Errorf("got %s", r.notes)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := statefun.New(statefun.Config{
		DataDir: filepath.Join(dir, "data"), HTTP: "127.0.0.1:0", TokenFile: token, Logger: slog.New(slog.DiscardHandler),
	})
	n, err := app.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	s := &shell{program: commands.Program{DataDir: filepath.Join(dir, "data")}}
	s.expect(t, exit.Failed, "status", "token")
	s.expect(t, exit.OK, "status --token-file "+token)
}
