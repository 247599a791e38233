package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func TestGrains(t *testing.T) {
	t.Parallel()
	for _, cfg := range []GrainsConfig{
		brief(),
		{Addresses: 1, Hops: 1, Payload: 2, States: 3, InFlight: 8, Warmup: 1, Duration: 100 * time.Millisecond},
		{Addresses: 50, Hops: 7, States: -1, InFlight: 300, Warmup: 1, Duration: 200 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("addresses=%d", cfg.Addresses), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r, err := Grains(t.Context(), startNode, dir, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Messages <= 0 || r.MessagesPerSecond <= 0 || r.Elapsed < 20*time.Millisecond || r.AllocsPerMessage <= 0 ||
				r.LogBytesPerMessage <= 0 || r.MessagesPerBatch <= 0 {
				t.Errorf("got %+v", r)
			}
			wantEmpty(t, dir)
		})
	}
}

// Chains that are under way when the measurement ends are run to their end, and
// the states tell of every message.
func TestEveryMessageIsCounted(t *testing.T) {
	t.Parallel()
	cfg := brief()
	cfg.States = 2
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	c := newChains(cfg)
	n, err := startNode(t.Context(), NodeConfig{DataDir: t.TempDir(), HTTP: "off"}, c.function())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	c.sent = 1
	if err := c.verify(n.Engine()); err == nil || !strings.Contains(err.Error(), "counted 0 messages of 1") {
		t.Errorf("with a message that nobody got: %v", err)
	}
	c.sent = 0
	if _, err := c.measure(t.Context(), n.Engine()); err != nil {
		t.Fatal(err)
	}
	if err := c.verify(n.Engine()); err != nil {
		t.Error(err)
	}
	one := functions.Address{Type: hopType, ID: "7"}
	if err := n.Engine().Send(t.Context(), one, payload.Of(make([]byte, hopsBytes))); err != nil {
		t.Fatal(err)
	}
	if err := n.Engine().Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.verify(n.Engine()); err == nil || !strings.Contains(err.Error(), "messages of") {
		t.Errorf("with a message too many: %v", err)
	}
}

func TestGrainsEnd(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg := brief()
	cfg.Warmup = time.Hour
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	dir := t.TempDir()
	if _, err := Grains(ctx, startNode, dir, cfg); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dir)
}

func TestNoNode(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	start := func(context.Context, NodeConfig, ...functions.Function) (Node, error) { return nil, broken }
	dir := t.TempDir()
	if _, err := Grains(t.Context(), start, dir, brief()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dir)
	if _, err := Grains(t.Context(), startNode, dir+"/missing", brief()); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}

func TestConfigs(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]interface{ validate() error }{
		"addresses": &GrainsConfig{Addresses: -1},
		"hops":      &GrainsConfig{Hops: 70_000},
		"payload":   &GrainsConfig{Payload: 1},
		"state":     &GrainsConfig{States: 1001},
		"in-flight": &GrainsConfig{InFlight: -1},
		"duration":  &GrainsConfig{Duration: -1},
		"rate":      &LatencyConfig{Rate: -1},
		"warmup":    &LatencyConfig{Warmup: -1},
	} {
		if err := c.validate(); err == nil || !strings.Contains(err.Error(), field+": expected") {
			t.Errorf("%s: got %v", field, err)
		}
	}
	for _, c := range []interface{ validate() error }{&GrainsConfig{}, &LatencyConfig{}} {
		if err := c.validate(); err != nil {
			t.Error(err)
		}
	}
}
