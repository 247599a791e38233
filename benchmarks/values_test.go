package benchmarks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

func TestValueWrites(t *testing.T) {
	t.Parallel()
	dir, value := t.TempDir(), make([]byte, 1000)
	cfg := ValuesConfig{Value: 1000, Keys: 7, Draw: func() []byte { return value }, Batch: 4000, Warmup: 1, Duration: 50 * time.Millisecond}
	r, err := ValueWrites(t.Context(), dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Values <= 0 || r.Values%4 != 0 || r.Elapsed < 50*time.Millisecond || r.BytesPerSecond <= 0 || r.Commit.P50 <= 0 {
		t.Errorf("got %+v", r)
	}
	wantEmpty(t, dir)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ValueWrites(ended, dir, cfg); err == nil {
		t.Error("did not end")
	}
	wantEmpty(t, dir)
}

// A key is written again only after all others.
func TestValuesAreWrittenInOrder(t *testing.T) {
	t.Parallel()
	db, err := openPebble(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	next := byte(0)
	cfg := ValuesConfig{Value: 1, Keys: 3, Draw: func() []byte { next++; return []byte{next} }}
	if err := writeTogether(db, cfg, 0, 2); err != nil {
		t.Fatal(err)
	}
	if err := writeTogether(db, cfg, 2, 2); err != nil {
		t.Fatal(err)
	}
	it, err := db.NewIter(&pebble.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = it.Close() }()
	var got []byte
	for it.First(); it.Valid(); it.Next() {
		got = append(got, it.Key()[15], it.Value()[0])
	}
	if string(got) != "\x00\x04\x01\x02\x02\x03" {
		t.Errorf("got %q", got)
	}
}

func TestValuesConfig(t *testing.T) {
	t.Parallel()
	draw := func() []byte { return nil }
	for field, cfg := range map[string]ValuesConfig{
		"Value":    {Keys: 1, Draw: draw},
		"Keys":     {Value: 1, Draw: draw},
		"Draw":     {Value: 1, Keys: 1},
		"Batch":    {Value: 1, Keys: 1, Draw: draw, Batch: -1},
		"Duration": {Value: 1, Keys: 1, Draw: draw, Duration: -1},
	} {
		if _, err := ValueWrites(t.Context(), t.TempDir(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
