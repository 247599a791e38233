package bench

import (
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestHot(t *testing.T) {
	t.Parallel()
	r := measure(t, "hot --addresses 50 --percent 80 --in-flight 8 --warmup 1ms --duration 1s").Hot
	if r == nil || r.Addresses != 50 || r.HotPercent != 80 || r.UniformPerSecond <= 0 || r.MessagesPerSecond <= 0 || r.RatioToUniform <= 0 {
		t.Fatalf("got %+v", r)
	}
	if share := r.OthersPerSecond / r.MessagesPerSecond; share < 0.1 || share > 0.3 {
		t.Errorf("%.2f of the messages went to the others, expected 0.2", share)
	}
	if r.OthersShare < 0.19*r.UniformPerSecond || r.OthersShare > 0.21*r.UniformPerSecond {
		t.Errorf("got %+v", r)
	}
}

func TestHotTargets(t *testing.T) {
	t.Parallel()
	cfg := brief()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	c := newChains(cfg)
	c.hot = &hotspot{share: 0.9}
	got := map[string]int{}
	for range 10_000 {
		got[c.target().ID]++
	}
	if n := got["0"]; n < 8800 || n > 9200 || len(got) != cfg.Addresses {
		t.Errorf("the hot address got %d of 10,000, %d addresses got some", n, len(got))
	}
}

func TestHotWarnings(t *testing.T) {
	t.Parallel()
	if got := (&HotReport{UniformHalves: halves{100, 110}}).warnings(); got != nil {
		t.Errorf("got %v", got)
	}
	if got := (&HotReport{UniformHalves: halves{100, 150}}).warnings(); len(got) != 1 || !strings.Contains(got[0], "differ by 50 %") {
		t.Errorf("got %v", got)
	}
}

func TestHotUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"hot --addresses 1":  "--addresses: expected 2 to",
		"hot --percent 100":  "--percent: expected 1 to 99",
		"hot --in-flight -1": "in-flight: expected",
	} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
