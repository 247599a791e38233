package file

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

var out functions.Egress = "test/out"

func forwarder() *functions.Function {
	return &functions.Function{
		Type: "test/forward",
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			ctx.Send(out, functions.Int64.Of(n))
			return nil
		})},
	}
}

// startEngine runs an engine with the egress on a disk.
func startEngine(t *testing.T, disk *vfs.MemFS) *actors.Engine {
	t.Helper()
	env := environment.Real()
	env.FS = disk
	e, err := actors.Open(actors.Options{
		Environment: env, Functions: []*functions.Function{forwarder()},
		Egresses: map[functions.TypeName]actors.Sink{"test/out": New(Options{Environment: env, Path: testPath})},
		Journal:  persistence.Options{Dir: "/data"},
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

// What an engine sends is in the file once and in order, however often the
// machine loses its power.
func TestExactlyOnceUnderAnEngine(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 0))
	disk, sent := vfs.NewCrashableMem(), int64(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 8 {
		e := startEngine(t, disk)
		for range 1 + rng.IntN(40) {
			sent++
			if err := e.Send(ctx, functions.Address{Type: "test/forward", ID: "x"}, functions.Int64.Of(sent)); err != nil {
				t.Fatal(err)
			}
		}
		// The last messages are accepted; how far they got is open.
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		if err := e.Abort(); err != nil {
			t.Fatal(err)
		}
		disk = crashed
	}
	e := startEngine(t, disk)
	if err := e.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkNumbers(disk, sent); err != nil {
		t.Fatal(err)
	}
}

// checkNumbers reads the file and expects the numbers from 1 to last.
func checkNumbers(disk *vfs.MemFS, last int64) error {
	f, err := disk.Open(testPath)
	if err != nil {
		return err
	}
	defer f.Close()
	lines, want, sequence := bufio.NewScanner(f), int64(1), uint64(0)
	for ; lines.Scan(); want++ {
		var line struct {
			Sequence  uint64
			Key, Type string
			Value     int64
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("%q: %w", lines.Bytes(), err)
		}
		if line.Value != want || line.Key != "x" || line.Sequence <= sequence {
			return fmt.Errorf("got %s after sequence %d, want value %d", lines.Bytes(), sequence, want)
		}
		sequence = line.Sequence
	}
	if want != last+1 {
		return fmt.Errorf("%d lines, want %d", want-1, last)
	}
	return errors.Join(lines.Err())
}
