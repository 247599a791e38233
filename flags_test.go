package statefun

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench"
	"github.com/statefun-go/statefun/functions"
)

// parse lets run's flags set an application's configuration.
func parse(t *testing.T, app *App, line string) error {
	t.Helper()
	cmd := &cobra.Command{Use: "run"}
	app.program().Configure(cmd)
	return cmd.ParseFlags(strings.Fields(line))
}

func TestFlagsSetTheConfiguration(t *testing.T) {
	t.Parallel()
	app := New(Config{})
	err := parse(t, app, `--name app --data dir --http :9000 --bind ::1 --tls-cert cert.pem --tls-key key.pem --token-file token --insecure
		--key-groups 64 --workers 3 --live-grains 1000 --idle-after 5s --deadline 1m --max-attempts 4 --first-backoff 1ms --last-backoff 1s
		--max-value-bytes 1MiB --log-bytes 32MiB --max-backlog-bytes 1TiB --disk-reserve 2GiB --idempotency-kept 1h --drain-for 2s`)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Name: "app", DataDir: "dir", HTTP: ":9000", Bind: "::1", TLSCert: "cert.pem", TLSKey: "key.pem", TokenFile: "token", Insecure: true,
		KeyGroups: 64, Workers: 3, LiveGrains: 1000, IdleAfter: 5 * time.Second, Deadline: time.Minute, MaxAttempts: 4, FirstBackoff: time.Millisecond, LastBackoff: time.Second,
		MaxValueBytes: 1 << 20, LogBytes: 32 << 20, MaxBacklogBytes: 1 << 40, DiskReserve: 2 << 30, IdempotencyKept: time.Hour, DrainFor: 2 * time.Second,
	}
	if !reflect.DeepEqual(app.Config, want) {
		t.Errorf("got  %+v\nwant %+v", app.Config, want)
	}
}

// No reserve is something else than none given.
func TestDiskReserve(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int64{"": 0, "--disk-reserve 0": -1, "--disk-reserve 64KiB": 64 << 10} {
		app := New(Config{})
		if err := parse(t, app, line); err != nil || app.Config.DiskReserve != want {
			t.Errorf("%q: %d, %v, want %d", line, app.Config.DiskReserve, err, want)
		}
	}
	if err := parse(t, New(Config{}), "--disk-reserve -1"); err == nil {
		t.Error("-1 is accepted")
	}
}

// Every field that a command line could set has a flag.
func TestEveryFieldHasAFlag(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "run"}
	app := New(Config{})
	app.program().Configure(cmd)
	names := map[string]string{"DataDir": "data"}
	for f := range reflect.TypeFor[Config]().Fields() {
		if !f.IsExported() {
			continue // for tests
		}
		switch f.Type.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Func, reflect.Map, reflect.Interface:
			continue // for programs
		}
		name := names[f.Name]
		if name == "" {
			name = dashed(f.Name)
		}
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("%s: no flag --%s", f.Name, name)
		}
	}
}

// dashed makes "TLSCert" "tls-cert".
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := func(i int) bool { return i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
		if i > 0 && upper(i) && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

func TestFlagsLeaveTheApplicationsConfigurationAlone(t *testing.T) {
	t.Parallel()
	config := Config{Name: "app", DataDir: "dir", HTTP: "off", Deadline: time.Minute, LogBytes: 1 << 20, DrainFor: time.Second, Insecure: true}
	app := New(config)
	if err := parse(t, app, "--workers 3"); err != nil {
		t.Fatal(err)
	}
	config.Workers = 3
	if !reflect.DeepEqual(app.Config, config) {
		t.Errorf("got  %+v\nwant %+v", app.Config, config)
	}
	if err := parse(t, app, "--log-bytes many"); err == nil || !strings.Contains(err.Error(), "expected bytes") {
		t.Errorf("got %v", err)
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	own := slog.New(slog.DiscardHandler)
	app := New(Config{DataDir: t.TempDir(), HTTP: "off", Logger: own, DrainFor: time.Second}).Register(functions.Function{Type: "test/a", Handlers: []functions.Handler{
		functions.OnAny(func(functions.Context, functions.Message) error { return nil }),
	}})
	p := app.program()
	if p.DataDir != app.Config.DataDir || !p.OwnLogger || len(p.Functions) != 1 || p.Functions[0] != "test/a" {
		t.Errorf("got %+v", p)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	app.Config.Workers = -1
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "Workers") {
		t.Errorf("got %v", err)
	}
	app.Config.Workers = 0
	n, err := p.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if app.Config.Logger != own || n.DataDir() != app.Config.DataDir || n.Name() != "statefun" || !n.Created() || n.URL() != "" {
		t.Errorf("got %v, %v, %v, %q", n.DataDir(), n.Name(), n.Created(), n.URL())
	}
	if err := n.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if p := New(Config{}).program(); p.DataDir != "statefun-data" || p.OwnLogger {
		t.Errorf("got %+v", p)
	}
}

func TestProgramThatDoesNotStart(t *testing.T) {
	t.Parallel()
	p := New(Config{DataDir: t.TempDir(), HTTP: "nonsense"}).program()
	if n, err := p.Start(t.Context(), nil); err == nil || n != nil {
		t.Errorf("got %v, %v", n, err)
	}
}

func TestBenchNode(t *testing.T) {
	t.Parallel()
	n, err := startBench(t.Context(), bench.NodeConfig{DataDir: t.TempDir(), HTTP: "127.0.0.1:0"}, functions.Function{Type: "test/a", Handlers: []functions.Handler{
		functions.OnAny(func(functions.Context, functions.Message) error { return nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(n.URL(), "http://127.0.0.1:") || n.Engine() == nil {
		t.Errorf("got %q", n.URL())
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if n, err := startBench(t.Context(), bench.NodeConfig{DataDir: t.TempDir(), HTTP: "nonsense"}); err == nil || n != nil {
		t.Errorf("got %v, %v", n, err)
	}
}
