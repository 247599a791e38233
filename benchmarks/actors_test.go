package benchmarks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// brief is a run that is over in no time.
func brief() ActorsConfig {
	return ActorsConfig{Addresses: 50, Warmup: time.Millisecond, Duration: 20 * time.Millisecond, InFlight: 64, Drivers: 2}
}

func TestBareActors(t *testing.T) {
	t.Parallel()
	r, err := BareActors(t.Context(), brief())
	if err != nil {
		t.Fatal(err)
	}
	if r.Messages <= 0 || r.Messages%4 != 0 || r.MessagesPerSecond <= 0 || r.Elapsed < 20*time.Millisecond {
		t.Errorf("got %+v", r)
	}
	if r.Addresses != 50 || r.InFlight != 64 || r.Drivers != 2 {
		t.Errorf("ran something else: %v", r)
	}
}

func TestBareActorsSweep(t *testing.T) {
	t.Parallel()
	results, err := BareActorsSweep(t.Context(), brief(), 2, 16)
	if err != nil || len(results) != 2 || results[0].InFlight != 2 || results[1].InFlight != 16 {
		t.Errorf("got %v, %v", results, err)
	}
}

func TestBest(t *testing.T) {
	t.Parallel()
	results := []ActorsResult{{InFlight: 1, MessagesPerSecond: 5}, {InFlight: 2, MessagesPerSecond: 7}, {InFlight: 3, MessagesPerSecond: 6}}
	if got := Best(results); got.InFlight != 2 {
		t.Errorf("got %v", got)
	}
	if got := Best(nil); got != (ActorsResult{}) {
		t.Errorf("got %v of nothing", got)
	}
}

func TestActorsEnd(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg := brief()
	cfg.Warmup = time.Hour
	time.AfterFunc(10*time.Millisecond, func() { cancel(cause) })
	if _, err := BareActors(ctx, cfg); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestActorsConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]ActorsConfig{
		"Addresses": {Addresses: -1},
		"Duration":  {Duration: -1},
		"InFlight":  {InFlight: 3, Drivers: 4},
	} {
		if _, err := BareActors(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// The same number of messages is delivered whatever the number of actors, of
// chains in flight, and of drivers.
func TestEveryMessageIsCounted(t *testing.T) {
	t.Parallel()
	for _, cfg := range []ActorsConfig{
		{Addresses: 1, InFlight: 1, Drivers: 1, Hops: 1},
		{Addresses: 1, InFlight: 100, Drivers: 3, Hops: 4},
		{Addresses: 100, InFlight: 7, Drivers: 2, Hops: 3},
		{Addresses: 1000, InFlight: 5000, Drivers: 1, Hops: 2}, // more than there are chains
	} {
		all := spawn(cfg.Addresses)
		all.runChains(cfg, 1001)
		if err := all.verify(); err != nil || all.sent != 1001*int64(cfg.Hops) {
			t.Errorf("%+v: sent %d, %v", cfg, all.sent, err)
		}
	}
}

func TestLostMessagesAreAnError(t *testing.T) {
	t.Parallel()
	all := spawn(2)
	all.sent = 1
	if err := all.verify(); err == nil || !strings.Contains(err.Error(), "counted 0 messages of 1") {
		t.Errorf("got %v", err)
	}
}

func TestTargetsAreSpread(t *testing.T) {
	t.Parallel()
	all := spawn(10)
	cfg := ActorsConfig{InFlight: 100, Drivers: 1, Hops: 1}
	all.runChains(cfg, 10_000)
	for i, c := range all.counters {
		if c.n < 700 || c.n > 1300 {
			t.Errorf("actor %d got %d of 10,000 messages, expected about 1,000", i, c.n)
		}
	}
}
