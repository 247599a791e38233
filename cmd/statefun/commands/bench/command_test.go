package bench

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// number reads a figure of a report, which may be null.
func number(t *testing.T, report map[string]any, name string) (v float64, measured bool) {
	t.Helper()
	value, present := report[name]
	if !present {
		t.Errorf("no %s in %v", name, report)
	}
	v, measured = value.(float64)
	return v, measured
}

func TestJSONReports(t *testing.T) {
	t.Parallel()
	grains := []string{"messages_per_second", "ratio_to_raw_actor", "allocs_per_message", "ratio_to_raw_journal"}
	latency := []string{"p50_ms", "p99_ms"}
	actors, journal := "raw_actor_messages_per_second", "raw_journal_writes_per_second"
	for _, c := range []struct {
		args     string
		measured []string
		null     []string
	}{
		{"grains --addresses 30 --in-flight 100 --hops 2 --payload 10 --state 2", append(grains, actors, journal), latency},
		{"latency --rate 200 --addresses 5", latency, append(grains, actors, journal)},
		{"raw --addresses 20 --in-flight 50", []string{actors, journal}, append(grains, latency...)},
		{"--addresses 20,30 --in-flight 50", append(append(grains, latency...), actors, journal), nil},
	} {
		t.Run("bench "+c.args, func(t *testing.T) {
			t.Parallel()
			out, _, err := execute(t, startNode, append(strings.Fields(c.args), "--json", "--warmup", "1ms", "--duration", "200ms")...)
			if err != nil {
				t.Fatal(err)
			}
			report := map[string]any{}
			if err := json.Unmarshal([]byte(out), &report); err != nil || strings.Count(out, "\n") != 1 {
				t.Fatalf("%v: %s", err, out)
			}
			for _, name := range c.measured {
				if v, ok := number(t, report, name); !ok || v <= 0 {
					t.Errorf("%s: got %v", name, report[name])
				}
			}
			for _, name := range c.null {
				if _, ok := number(t, report, name); ok {
					t.Errorf("%s: got %v without measuring it", name, report[name])
				}
			}
			machine, _ := report["machine"].(map[string]any)
			for _, name := range []string{"cores", "os", "go", "file_system", "fsync_p50_ms", "fsyncs_per_second"} {
				if machine[name] == nil {
					t.Errorf("no %s in %v", name, machine)
				}
			}
		})
	}
}

func TestSeveralNumbersOfAddresses(t *testing.T) {
	t.Parallel()
	out, _, err := execute(t, startNode, "grains", "--addresses", "20,40", "--in-flight", "50", "--state", "0", "--live-grains", "10", "--raw-in-flight", "60", "--warmup", "1ms", "--duration", "200ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0 Int64 of state", "\naddresses   ", "  20  ", "  40\n", "\nchains in flight ", " 50, bare 60\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	unreachable := func(context.Context, NodeConfig, ...functions.Function) (Node, error) {
		return nil, errors.New("a wrong command line started a node")
	}
	for args, want := range map[string]string{
		"grains --addresses 0":     "--addresses: expected 1 to",
		"grains --payload 1":       "payload: expected 2 to",
		"grains --in-flight -5":    "in-flight: expected",
		"grains --state 5000":      "state: expected",
		"grains --state -1":        "--state: expected 0 to",
		"raw --addresses 5,-5":     "--addresses: expected",
		"grains --live-grains -1":  "live-grains: expected",
		"latency --rate 0":         "--rate: expected 1 to",
		"raw --duration -1s":       "--warmup and --duration",
		"grains 5":                 `unknown command "5"`,
		"bogus":                    `unknown command "bogus"`,
		"latency --duration 1000h": "duration: expected",
	} {
		_, _, err := execute(t, unreachable, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}

func TestFailuresNameTheStep(t *testing.T) {
	t.Parallel()
	broken := func(context.Context, NodeConfig, ...functions.Function) (Node, error) {
		return nil, errors.New("broken")
	}
	_, _, err := execute(t, broken, "latency", "--duration", "1ms")
	if err == nil || err.Error() != "HTTP calls, 1000/s: broken" || exit.CodeOf(err) != exit.Failed {
		t.Errorf("got %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	bare := func(perSecond, cores float64) benchmarks.ActorsResult {
		return benchmarks.ActorsResult{MessagesPerSecond: perSecond, CoresUsed: cores, Messages: int64(perSecond), Elapsed: time.Second}
	}
	quiet := func() *suite {
		return &suite{fileSystem: "ext4", machine: benchmarks.MachineInfo{Cores: 2}, latency: &LatencyResult{CallsPerSecond: 999}, latencyRate: 1000,
			comparisons: []*comparison{{grains: GrainsResult{usage: usage{CoresUsed: 2}}, bare: [2]benchmarks.ActorsResult{bare(100, 2), bare(110, 2)}}}}
	}
	for want, change := range map[string]func(s *suite){
		"":                         func(*suite) {},
		"in memory":                func(s *suite) { s.fileSystem = "tmpfs" },
		"differ by 50 %":           func(s *suite) { s.comparisons[0].bare[0] = bare(165, 2) },
		"only 1.2 of 2 cores":      func(s *suite) { s.comparisons[0].grains.CoresUsed = 1.2 },
		"only 500 of 1000 calls/s": func(s *suite) { s.latency.CallsPerSecond = 500 },
	} {
		s := quiet()
		change(s)
		got := strings.Join(s.warnings(), "\n")
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: got %q", want, got)
		}
	}
}

func TestComparison(t *testing.T) {
	t.Parallel()
	c := comparison{
		grains: GrainsResult{usage: usage{MessagesPerSecond: 150, MessagesPerCoreSecond: 100}},
		bare: [2]benchmarks.ActorsResult{
			{Messages: 300, Elapsed: time.Second, MessagesPerSecond: 300, CoresUsed: 2},
			{Messages: 300, Elapsed: 2 * time.Second, MessagesPerSecond: 150, CoresUsed: 1},
		},
	}
	if c.barePerSecond() != 200 || c.ratio() != 0.75 || c.noise() != 1 || c.coreRatio() != 100.0/150 {
		t.Errorf("got %v, %v, %v, %v", c.barePerSecond(), c.ratio(), c.noise(), c.coreRatio())
	}
}
