package bench

import (
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestValues(t *testing.T) {
	t.Parallel()
	r := measure(t, "values --size 65536,262144 --warmup 1ms --duration 500ms").Values
	if r == nil || r.Seconds != 0.5 || len(r.Runs) != 2 {
		t.Fatalf("got %+v", r)
	}
	for i, run := range r.Runs {
		if run.ValueBytes != []int{65536, 262144}[i] || run.Addresses != valuesBytes/run.ValueBytes || run.BytesPerSecond <= 0 ||
			run.BareBytesPerSecond <= 0 || run.RatioToBare <= 0 || run.AllocsPerValue <= 0 {
			t.Errorf("got %+v", run)
		}
	}
}

// A value that was never stored is found out.
func TestValuesAreChecked(t *testing.T) {
	t.Parallel()
	v := newValues(1 << 20)
	v.total = 50
	err := withNode(t.Context(), startNode, t.TempDir(), NodeConfig{HTTP: "off"}, func(n Node) error {
		if _, err := v.runTotal(t.Context(), n.Engine()); err != nil {
			return err
		}
		if err := v.verify(n.Engine()); err != nil {
			return err
		}
		v.pool = newValues(1<<20 + 1).pool
		v.pool[len(v.pool)/2]++
		if err := v.verify(n.Engine()); err == nil || !strings.Contains(err.Error(), "is not a value of 1048576 bytes") {
			t.Errorf("got %v", err)
		}
		return nil
	}, v.function())
	if err != nil {
		t.Error(err)
	}
}

func TestHalves(t *testing.T) {
	t.Parallel()
	h := halves{1000, 1500}
	if h.mean() != 1250 || h.noise() != 0.5 || h.String() != "1,000, 1,500" {
		t.Errorf("got %v, %v, %s", h.mean(), h.noise(), h)
	}
	if got := h.warnings("this"); len(got) != 1 || got[0] != "this before and after differ by 50 %: the machine is not at rest" {
		t.Errorf("got %v", got)
	}
	if got := (halves{100, 110}).warnings("this"); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestValuesUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"values --size 15", "values --size 1024,1000000000"} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), "--size: expected 16 to") || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
