package http

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// A disk that is nearly full is said so to clients, in metrics and in the status.
func TestLittleDiskSpace(t *testing.T) {
	t.Parallel()
	d, err := environment.NewSmallDisk(vfs.NewMem(), "/", 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, func(o *actors.Options, _ *Options) {
		o.Environment.FS = d
		o.Journal.DiskReserve = 8 << 20
	})
	one := functions.Int64.Of(1)
	n.send("/test/counter/x", one).expect(t, 202)
	n.do("GET", "/io.statefun/status", "").expect(t, 200, `"space": "ample"`, `"reserve_bytes": 8388608`)

	d.SetOthers(d.Free() - 6<<20)
	n.awaits(persistence.SpaceLow)
	for _, key := range []string{"", "key"} {
		var headers []string
		if key != "" {
			headers = []string{"Idempotency-Key", key}
		}
		n.send("/test/counter/x", one, headers...).expect(t, 503, "free disk space", "nothing was accepted").expectHeader(t, "Retry-After", "5")
	}
	n.do("GET", "/io.statefun/status", "").expect(t, 200, `"space": "low"`, `"total_bytes": 67108864`)
	metrics := n.do("GET", "/metrics", "").expect(t, 200).body
	for _, want := range []string{"statefun_disk_low 1\n", "statefun_disk_scarce 0\n", "statefun_disk_reserve_bytes 8.388608e+06\n", "statefun_disk_free_bytes ", "statefun_disk_owed_bytes "} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	d.SetOthers(0)
	n.awaits(persistence.SpaceAmple)
	n.send("/test/counter/x", one).expect(t, 202)
}

// awaits waits until the node has seen how its disk is.
func (n *node) awaits(level persistence.SpaceLevel) {
	n.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n.engine.Metrics().Journal.Space.Level != level {
		select {
		case <-tick.C:
		case <-n.t.Context().Done():
			n.t.Fatalf("the space is not %v", level)
		}
	}
}
