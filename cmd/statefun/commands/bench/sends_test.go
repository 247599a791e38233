package bench

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

func TestSends(t *testing.T) {
	t.Parallel()
	r := measure(t, "http --connections 2,5 --addresses 7 --payload 9 --warmup 1ms --duration 200ms").Sends
	if r == nil || r.Addresses != 7 || r.PayloadBytes != 9 || r.Seconds != 0.2 || len(r.Runs) != 2 {
		t.Fatalf("got %+v", r)
	}
	for i, run := range r.Runs {
		if run.Connections != []int{2, 5}[i] || run.SendsPerSecond <= 0 || run.BarePerSecond <= 0 || run.RatioToBare <= 0 || run.P50 <= 0 || run.BareP99 <= 0 {
			t.Errorf("got %+v", run)
		}
	}
}

// A node that handles a message twice is found out.
func TestSendsAreCounted(t *testing.T) {
	t.Parallel()
	double := func(ctx context.Context, c NodeConfig, fs ...functions.Function) (Node, error) {
		count, _ := fs[0].States[0].(*functions.ValueState[int64])
		fs[0].Handlers = []functions.Handler{functions.On(payload, func(ctx functions.Context, _ []byte) error {
			count.Update(ctx, func(n int64) int64 { return n + 2 })
			return nil
		})}
		return startNode(ctx, c, fs...)
	}
	_, _, err := execute(t, double, "http", "--connections", "1", "--addresses", "1", "--warmup", "1ms", "--duration", "20ms")
	if err == nil || !strings.Contains(err.Error(), "that were accepted") {
		t.Errorf("got %v", err)
	}
}

func TestSendsProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "block")
	if _, _, err := execute(t, startNode, "http", "--connections", "3", "--warmup", "1ms", "--duration", "200ms", "--blockprofile", path); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(profileText(t, path), "appendDurably") {
		t.Error("the profile is not of the node")
	}
}

func TestSendsWarnings(t *testing.T) {
	t.Parallel()
	r := SendsReport{Runs: []SendsComparison{{Connections: 5, BareHalves: halves{100, 110}}, {Connections: 7, BareHalves: halves{150, 100}}}}
	if got := r.warnings(); len(got) != 1 || !strings.Contains(got[0], "7 connections") || !strings.Contains(got[0], "by 50 %") {
		t.Errorf("got %v", got)
	}
}

func TestSendsUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"http --connections 5,0": "--connections: expected 1 to",
		"http --addresses 0":     "--addresses: expected 1 to",
		"http --payload 0":       "--payload: expected 1 to",
	} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
