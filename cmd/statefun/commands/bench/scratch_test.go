package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

type engineNode struct{ e *actors.Engine }

func (n engineNode) Engine() *actors.Engine { return n.e }
func (n engineNode) URL() string            { return "" }
func (n engineNode) Close() error           { return n.e.Close() }

func startEngine(_ context.Context, dir, _ string, fs ...functions.Function) (Node, error) {
	o := actors.Options{Environment: environment.Real(), Logger: slog.New(slog.DiscardHandler),
		Journal: persistence.Options{Dir: filepath.Join(dir, "journal"), LogBytes: 256 << 20}}
	for i := range fs {
		o.Functions = append(o.Functions, &fs[i])
	}
	e, err := actors.Open(o)
	if err != nil {
		return nil, err
	}
	return engineNode{e}, e.Start()
}

func TestScratch(t *testing.T) {
	ints := func(name string) (out []int) {
		for _, s := range strings.Fields(os.Getenv(name)) {
			n, _ := strconv.Atoi(s)
			out = append(out, n)
		}
		return
	}
	d, _ := time.ParseDuration(os.Getenv("D"))
	for _, a := range ints("A") {
		for _, g := range ints("GC") {
			debug.SetGCPercent(g)
			for _, n := range ints("N") {
				r, err := Grains(t.Context(), startEngine, t.TempDir(), GrainsConfig{Addresses: a, InFlight: n, Duration: d})
				fmt.Println("grains addresses", a, "gc", g, "in flight", n, fmt.Sprintf("%.2f M/s %.1f cores, per core %.2f  %.1f allocs %.0f log bytes %.0f messages/batch", r.MessagesPerSecond/1e6, r.CoresUsed, r.MessagesPerSecond/1e6/r.CoresUsed, r.AllocsPerMessage, r.LogBytesPerMessage, r.MessagesPerBatch), err)
				if os.Getenv("BARE") != "" {
					b, err := benchmarks.BareActors(t.Context(), benchmarks.ActorsConfig{Addresses: a, InFlight: n, Duration: d})
					fmt.Println("   bare", b, "per core", b.MessagesPerSecond/1e6/b.CoresUsed, err)
				}
			}
		}
	}
}
