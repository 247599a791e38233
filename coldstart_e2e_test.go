//go:build e2e

package statefun_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions/functionstest/programs"
)

// From the start of the process to the first answered request, empty data
// directory: 150 ms at most, on a machine that may be doing other things too.
func TestColdStart(t *testing.T) {
	const goal = 150 * time.Millisecond
	best := time.Hour
	for range 10 {
		k := &killTest{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(1, 2))}
		began := time.Now()
		k.start()
		body := bytes.NewReader((&programs.Program{ID: "id0"}).Encode())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, k.url+"/"+string(programs.Type)+"/id0?call", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/vnd."+string(programs.MessageType))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
		if resp.StatusCode != http.StatusOK {
			t.Errorf("got %s", resp.Status)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		k.kill()
	}
	t.Logf("best of ten: %v", best)
	if best > goal {
		t.Errorf("%v, want %v at most", best, goal)
	}
}
