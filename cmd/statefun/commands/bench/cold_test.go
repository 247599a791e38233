package bench

import (
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestCold(t *testing.T) {
	t.Parallel()
	r := measure(t, "cold --addresses 400 --live-grains 40 --in-flight 8 --warmup 1ms --duration 200ms").Cold
	if r == nil || r.Addresses != 400 || r.LiveGrains != 40 || r.AllLivePerSecond <= 0 || r.MessagesPerSecond <= 0 ||
		r.RatioToAllLive <= 0 || r.ActivationsPerSecond <= 0 || r.AllocsPerMessage <= 0 {
		t.Fatalf("got %+v", r)
	}
	// More live for a while: those that were used in batches that are not durable.
	if r.ActivationsPerMessage < 0.3 || r.ActivationsPerMessage > 1 {
		t.Errorf("%.2f activations a message with one address in ten live", r.ActivationsPerMessage)
	}
}

// A state that is touched twice, or not at all, is noticed.
func TestColdChainsTouchEachAddressOnce(t *testing.T) {
	t.Parallel()
	cfg := brief()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	c := newColdChains(cfg, 0)
	seen := map[int32]bool{}
	for _, i := range c.script {
		seen[i] = true
	}
	if len(c.script) != cfg.Addresses || len(seen) != cfg.Addresses || c.cfg.Hops != 1 {
		t.Errorf("got %v, %d hops", c.script, c.cfg.Hops)
	}
	err := withNode(t.Context(), startNode, t.TempDir(), NodeConfig{HTTP: "off"}, func(n Node) error {
		r := &ColdReport{}
		if err := r.measureTables(t.Context(), n.Engine(), c, nil); err != nil {
			return err
		}
		again := newColdChains(cfg, c.sent)
		if err := r.measureTables(t.Context(), n.Engine(), again, nil); err == nil || !strings.Contains(err.Error(), "not in its tables") {
			t.Errorf("on a warm node: %v", err)
		}
		return nil
	}, c.function())
	if err != nil {
		t.Error(err)
	}
}

func TestColdUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"cold --live-grains 0":                 "--live-grains: expected",
		"cold --addresses 10 --live-grains 20": "--addresses: expected 20 to",
		"cold --in-flight -1":                  "in-flight: expected",
		"cold --addresses 1000000000":          "--addresses: expected",
		"cold --warmup -1s":                    "--warmup and --duration",
		"cold --addresses many":                "invalid argument",
	} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || want != "invalid argument" && exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
