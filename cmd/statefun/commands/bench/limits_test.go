package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// Cores are of the process, so nothing runs beside this test.
func TestLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures everything, which takes a while")
	}
	r := measure(t, "limits --scale 0.0001 --warmup 1ms --duration 20ms", "--server", testServer(t, "serve-good"))
	if r.Scale != 0.0001 || len(r.Grains) != 3 || r.Cold == nil || r.Timers == nil || r.Sends == nil || r.Hot == nil || r.Values == nil || r.Cores == nil || r.Remote == nil {
		t.Fatalf("got %+v", r)
	}
	work := map[string]bool{}
	for _, l := range r.Limits {
		work[l.Work] = true
		// The others may not get anything done in so short a time.
		if l.Unit == perSecond && l.Measured <= 0 {
			t.Errorf("got %+v", l)
		}
	}
	for _, w := range []string{
		"10 addresses, to bare Proto.Actor", "100 addresses, 10 live, to all live", "timers fired", "HTTP sends, 512 connections, to bare net/http",
		"90 % to one address, the others to their share", "values of 64.0 KiB, to bare Pebble", "allocations/message, at most",
		"remote functions, 10 addresses, to a bare client", "remote functions, chains of 4, 1,000/s, p99, at most",
	} {
		if !work[w] {
			t.Errorf("no %q in %v", w, r.Limits)
		}
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "none counts") {
		t.Errorf("got %v", r.Warnings)
	}
}

// atLimits is a report at the edge of all floors.
func atLimits() *Report {
	return &Report{
		Grains: []GrainsReport{
			{Addresses: 1000, RatioToRawActor: 0.35, AllocsPerMessage: 3, DiskBytesPerByte: 1},
			{Addresses: 100_000, RatioToRawActor: 1.2, AllocsPerMessage: 2, DiskBytesPerByte: 5, ResidentPerGrain: 1000},
		},
		sections: sections{
			Cold:   &ColdReport{Addresses: 1_000_000, LiveGrains: 100_000, RatioToAllLive: 0.2, ActivationsPerSecond: 90_000},
			Timers: &TimersReport{SetPerSecond: 150_000, FiredPerSecond: 400_000},
			Sends:  &SendsReport{Runs: []SendsComparison{{Connections: 64, RatioToBare: 0.5}, {Connections: 512, RatioToBare: 0.9}}},
			Hot:    &HotReport{HotPercent: 90, RatioToUniform: 0.7},
			Remote: &RemoteReport{
				Hops:    4,
				Runs:    []RemoteRun{{Addresses: 1000, RatioToLimit: 1, ResidentBytes: 100e6}, {Addresses: 100_000, RatioToLimit: 0.75, ResidentBytes: 150e6}},
				Latency: &RemoteLatency{Rate: 1000, P50: 3, P99: 8, ResidentBytes: 50e6},
			},
			Values: &ValuesReport{Runs: []ValuesComparison{{ValueBytes: 1024, RatioToBare: 0.1}}},
		},
		Scale: 1,
	}
}

func TestLimitsTable(t *testing.T) {
	t.Parallel()
	r := atLimits()
	r.Cold.ActivationsPerSecond--
	r.Limits = r.limits()
	var out bytes.Buffer
	limitsTable(&console.Console{Out: &out}, r.Limits)
	golden(t, "limits.txt", out.String())
}

func TestMissedLimitsAreAFailure(t *testing.T) {
	t.Parallel()
	r := atLimits()
	if r.Limits = r.limits(); r.failure() != nil {
		t.Errorf("at all floors: %v", r.failure())
	}
	for name, miss := range map[string]func(r *Report){
		"few grains":  func(r *Report) { r.Grains[0].RatioToRawActor = 0.34 },
		"many grains": func(r *Report) { r.Grains[1].RatioToRawActor = 1.19 },
		"allocations": func(r *Report) { r.Grains[1].AllocsPerMessage = 3.1 },
		"cold":        func(r *Report) { r.Cold.RatioToAllLive = 0.19 },
		"activations": func(r *Report) { r.Cold.ActivationsPerSecond = 89_999 },
		"set":         func(r *Report) { r.Timers.SetPerSecond = 149_999 },
		"fired":       func(r *Report) { r.Timers.FiredPerSecond = 149_999 },
		"HTTP":        func(r *Report) { r.Sends.Runs[1].RatioToBare = 0.49 },
		"few remote":  func(r *Report) { r.Remote.Runs[0].RatioToLimit = 0.99 },
		"many remote": func(r *Report) { r.Remote.Runs[1].RatioToLimit = 0.44 },
		"p50":         func(r *Report) { r.Remote.Latency.P50 = 3.01 },
		"p99":         func(r *Report) { r.Remote.Latency.P99 = 12.1 },
		"resident":    func(r *Report) { r.Remote.Latency.ResidentBytes = 151e6 },
		"hot":         func(r *Report) { r.Hot.RatioToUniform = 0.69 },
	} {
		r := atLimits()
		miss(r)
		r.Limits = r.limits()
		if err := r.failure(); err == nil || !strings.Contains(err.Error(), "1 of 18 limits are missed") || exit.CodeOf(err) != exit.Failed {
			t.Errorf("%s: got %v", name, err)
		}
		r.Scale = 0.5
		if err := r.failure(); err != nil {
			t.Errorf("%s, at half the scale: %v", name, err)
		}
	}
}

func TestLimitsUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"limits --scale 0", "limits --scale 2", "limits --scale -1"} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), "--scale: expected more than 0 to 1") || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
