//go:build e2e

package statefun_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/file"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence/environment"
)

// childEnv makes the test binary be the node that is killed.
const childEnv = "STATEFUN_KILL_TEST_DATA"

func TestMain(m *testing.M) {
	if dir := os.Getenv(diskChildEnv); dir != "" {
		runKeeper(dir)
		return
	}
	dir := os.Getenv(childEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	env := environment.Real()
	app := statefun.New(statefun.Config{DataDir: dir, HTTP: "127.0.0.1:0", LogBytes: 1 << 20, LiveGrains: 20, Environment: env})
	app.Register(*programs.Function())
	app.Egress(functions.Egress(programs.Egress), file.New(file.Options{Environment: env, Path: filepath.Join(dir, "out.jsonl")}))
	if err := app.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestKill9 kills a real node with -9 at random moments under a load of random
// programs. In the end every count is exact, order was kept, and the egress file
// has every record once.
func TestKill9(t *testing.T) {
	kills := 100
	if s := os.Getenv("STATEFUN_E2E_SCALE"); s != "" {
		scale, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		kills = max(1, int(scale*float64(kills)))
	}
	k := &killTest{t: t, dir: t.TempDir(), model: programs.NewWorld(), pending: map[string][]byte{}, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7))}
	gen := &programs.Generator{Rand: k.rng, IDs: 40}
	for range kills {
		k.start()
		for range 5 + k.rng.IntN(20) {
			k.add(gen.Program(gen.ID(), "", 3))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+k.rng.IntN(300))*time.Millisecond)
		k.post(ctx)
		<-ctx.Done()
		cancel()
		k.kill()
	}
	k.start()
	for len(k.pending) > 0 && !t.Failed() {
		k.post(t.Context())
	}
	k.check(kills)
	k.kill()
}

type killTest struct {
	t     *testing.T
	dir   string
	rng   *rand.Rand
	model *programs.World
	cmd   *exec.Cmd
	url   string
	log   bytes.Buffer

	mu      sync.Mutex
	pending map[string][]byte // programs by idempotency key, until accepted
	next    int
}

func (k *killTest) add(p *programs.Program) {
	k.model.Apply(p)
	k.next++
	k.pending[fmt.Sprintf("%d %s", k.next, p.ID)] = p.Encode()
}

func (k *killTest) start() {
	k.t.Helper()
	if err := os.Remove(filepath.Join(k.dir, "node.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		k.t.Fatal(err)
	}
	k.cmd = exec.Command(os.Args[0])
	k.cmd.Env = append(os.Environ(), childEnv+"="+k.dir)
	k.cmd.Stderr = &k.log
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		var n struct{ HTTP string }
		b, err := os.ReadFile(filepath.Join(k.dir, "node.json"))
		if err == nil && json.Unmarshal(b, &n) == nil {
			k.url = n.HTTP
			return
		}
		if time.Now().After(deadline) {
			k.kill()
			k.t.Fatalf("the node does not start:\n%s", k.log.String())
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // another process
	}
}

func (k *killTest) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

// post sends all programs that were not accepted yet, a few at a time.
func (k *killTest) post(ctx context.Context) {
	keys := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for key := range keys {
				k.postOne(ctx, key)
			}
		})
	}
	k.mu.Lock()
	all := make([]string, 0, len(k.pending))
	for key := range k.pending {
		all = append(all, key)
	}
	k.mu.Unlock()
	for _, key := range all {
		keys <- key
	}
	close(keys)
	wg.Wait()
}

func (k *killTest) postOne(ctx context.Context, key string) {
	k.mu.Lock()
	body := k.pending[key]
	k.mu.Unlock()
	_, id, _ := strings.Cut(key, " ")
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/%s/%s", k.url, programs.Type, id), bytes.NewReader(body))
	if err != nil {
		k.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/vnd."+string(programs.MessageType))
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // killed, or out of time: it is sent again
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode == http.StatusAccepted:
		k.mu.Lock()
		delete(k.pending, key)
		k.mu.Unlock()
	case err == nil && resp.StatusCode != http.StatusServiceUnavailable:
		k.t.Errorf("%s: %s", resp.Status, answer)
	}
}

// check waits until the world is as it should be, and stays so.
func (k *killTest) check(kills int) {
	k.t.Helper()
	diff := "unknown"
	for deadline := time.Now().Add(60 * time.Second); diff != "" && time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond) //nolint:forbidigo // another process
		diff = k.model.Diff(k.observe())
	}
	if diff != "" {
		k.t.Fatalf("after %d kills:\n%s\nquarantine: %s\nlog:\n%s", kills, diff, k.get("/io.statefun/quarantine"), k.log.String())
	}
	k.t.Logf("%d programs and %d kills: every count exact", k.next, kills)
}

func (k *killTest) get(path string) []byte {
	resp, err := http.Get(k.url + path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *killTest) observe() *programs.World {
	w := programs.NewWorld()
	for id := range k.model.Sum {
		base := fmt.Sprintf("/%s/%s/state", programs.Type, id)
		var states struct {
			States []struct {
				Name string
				Size int
			}
		}
		if err := json.Unmarshal(k.get(base), &states); err != nil {
			k.t.Fatal(err)
		}
		for _, s := range states.States {
			switch s.Name {
			case "sum", "async":
				v, err := functions.Int64.Decode(k.get(base + "/" + s.Name))
				if err != nil {
					k.t.Fatal(err)
				}
				if s.Name == "sum" {
					w.Sum[id] = v
				} else {
					w.Async[id] = v
				}
			case "list":
				w.List[id] = s.Size
			}
		}
	}
	k.countEmitted(w)
	return w
}

func (k *killTest) countEmitted(w *programs.World) {
	f, err := os.Open(filepath.Join(k.dir, "out.jsonl"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var r struct{ Key string }
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			k.t.Fatalf("%q: %v", s.Text(), err)
		}
		w.Emitted[r.Key]++
	}
}
