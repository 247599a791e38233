//go:build e2e

package statefun_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

// diskChildEnv makes the test binary be a node that keeps what it gets.
const diskChildEnv = "STATEFUN_DISK_TEST_DATA"

var (
	keptBytes = functions.Bytes("disk/bytes")
	kept      = functions.Value("kept", keptBytes)
	total     = functions.Value("total", functions.Int64)
)

func runKeeper(dir string) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	app := statefun.New(statefun.Config{DataDir: dir, HTTP: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	app.Register(functions.Function{Type: "disk/keeper", States: []functions.State{kept}, Handlers: []functions.Handler{
		functions.On(keptBytes, func(ctx functions.Context, b []byte) error {
			kept.Set(ctx, b)
			ctx.Send(functions.TypeName("disk/total").At("all"), functions.Int64.Of(1))
			return nil
		}),
	}}, functions.Function{Type: "disk/total", States: []functions.State{total}, Handlers: []functions.Handler{
		functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			total.Update(ctx, func(v int64) int64 { return v + n })
			return nil
		}),
	}})
	if err := app.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the signals go with the process
	}
}

// TestDiskFull fills a small file system, a real one, by a real node under load,
// and by others.
func TestDiskFull(t *testing.T) {
	k := mountKeeper(t, 200<<20)
	k.write("first ballast", 64<<20)
	k.write("second ballast", 32<<20)
	k.start()

	k.load(64<<10, 1<<20) // until it refuses
	for deadline := time.Now().Add(30 * time.Second); k.metric("statefun_disk_low") != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("it refuses, and disk_low is not 1")
		}
		k.load(64<<10, 1<<20) // a compaction that has ended made room again
	}
	before := k.accepted()
	if before < 300 {
		t.Errorf("only %d values of 64 KiB fit", before)
	}
	k.check("full")

	k.kill()
	k.start()
	k.check("after kill -9 while it was full")
	k.stop(syscall.SIGTERM, 0) // a clean stop needs some space, too
	k.start()

	k.remove("first ballast")
	k.load(64<<10, 1<<20)
	if k.accepted() < before+200 {
		t.Errorf("only %d more values fit after 64 MiB were freed", k.accepted()-before)
	}
	k.check("with more room")

	k.remove("second ballast")
	for round := 0; k.exits == 0 && round < 20; round++ {
		k.eaten()
	}
	if k.exits == 0 {
		t.Error("20 times others have taken all of the disk while it wrote, and it never stopped")
	}
	k.check("after others have taken all of the disk")
	k.stop(syscall.SIGTERM, 0)
	t.Logf("%d values exact, the node stopped %d times for want of space", k.accepted(), k.exits)
}

// keeperTest is a node on a file system of its own.
type keeperTest struct {
	t     *testing.T
	dir   string // of the file system
	cmd   *exec.Cmd
	ended chan struct{} // once the process has
	url   string
	log   lockedLog
	exits int

	mu     sync.Mutex
	next   uint64
	sizes  map[uint64]int // of the accepted ones
	doubts map[uint64]int // of those that were not answered
}

func mountKeeper(t *testing.T, size int) *keeperTest {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); errors.Is(err, syscall.EPERM) {
		t.Skipf("cannot mount a tmpfs on %s: this test needs root, or CAP_SYS_ADMIN", dir)
	} else if err != nil {
		t.Fatal(err)
	}
	k := &keeperTest{t: t, dir: dir, sizes: map[uint64]int{}, doubts: map[uint64]int{}}
	t.Cleanup(func() {
		if k.cmd != nil {
			k.kill()
		}
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return k
}

// write writes a file, of the size or as far as there is room.
func (k *keeperTest) write(name string, size int) {
	k.t.Helper()
	err := os.WriteFile(filepath.Join(k.dir, name), make([]byte, size), 0o600)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		k.t.Fatal(err)
	}
}

func (k *keeperTest) remove(name string) {
	k.t.Helper()
	if err := os.Remove(filepath.Join(k.dir, name)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeperTest) data() string { return filepath.Join(k.dir, "data") }

// launch starts the process.
func (k *keeperTest) launch() {
	k.t.Helper()
	if err := os.Remove(filepath.Join(k.data(), "node.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		k.t.Fatal(err)
	}
	k.cmd = exec.Command(os.Args[0])
	k.cmd.Env = append(os.Environ(), diskChildEnv+"="+k.data())
	k.cmd.Stderr = &k.log
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.ended = make(chan struct{})
	go func() {
		_ = k.cmd.Wait() // the exit code is what counts
		close(k.ended)
	}()
}

// listens waits until the process does, or has ended.
func (k *keeperTest) listens() bool {
	k.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var n struct{ HTTP string }
		b, err := os.ReadFile(filepath.Join(k.data(), "node.json"))
		if err == nil && json.Unmarshal(b, &n) == nil {
			k.url = n.HTTP
			return true
		}
		select {
		case <-k.ended:
			return false
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("the node does not start:\n%s", k.log.String())
		}
	}
}

func (k *keeperTest) start() {
	k.t.Helper()
	k.launch()
	if !k.listens() {
		k.t.Fatalf("the node does not start:\n%s", k.log.String())
	}
}

func (k *keeperTest) kill() {
	_ = k.cmd.Process.Kill()
	<-k.ended
}

func (k *keeperTest) stop(s os.Signal, want int) {
	k.t.Helper()
	if err := k.cmd.Process.Signal(s); err != nil {
		k.t.Fatal(err)
	}
	<-k.ended
	if got := k.cmd.ProcessState.ExitCode(); got != want {
		k.t.Errorf("exit code %d, want %d:\n%s", got, want, k.log.String())
	}
}

// valueOf is the value under a key; no two are alike, and none compresses.
func valueOf(key uint64, size int) []byte {
	b, rng := make([]byte, size), rand.New(rand.NewPCG(key, 1))
	for i := 0; i < size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	return b
}

// load sends values, some at a time, until so many are accepted or each sender
// was refused or has lost the node.
func (k *keeperTest) load(size, most int) {
	k.t.Helper()
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for range most / 8 {
				k.mu.Lock()
				key := k.next
				k.next++
				k.mu.Unlock()
				if !k.put(key, size, true) {
					return
				}
			}
		})
	}
	senders.Wait()
}

// put reports whether a value was accepted. After the first attempt at it,
// a refusal says nothing of the ones before.
func (k *keeperTest) put(key uint64, size int, first bool) bool {
	k.mu.Lock()
	k.doubts[key] = size
	k.mu.Unlock()
	url := fmt.Sprintf("%s/disk/keeper/%d", k.url, key)
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPut, url, bytes.NewReader(valueOf(key, size)))
	if err != nil {
		k.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", "application/vnd.disk/bytes")
	req.Header.Set("Idempotency-Key", fmt.Sprint(key))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // the node has ended: it is sent again
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	full := resp.StatusCode == http.StatusServiceUnavailable
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case resp.StatusCode == http.StatusAccepted:
		k.sizes[key] = size
		delete(k.doubts, key)
		return true
	case full && resp.Header.Get("Retry-After") != "" && strings.Contains(string(answer), "free disk space"):
		if first {
			delete(k.doubts, key) // nothing was accepted
		}
	case err == nil && !full:
		k.t.Errorf("%s: %s", resp.Status, answer)
	}
	return false
}

// settle sends again what was not answered, as often as it takes.
func (k *keeperTest) settle() {
	k.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); len(k.doubts) > 0; {
		for key, size := range k.doubts {
			k.put(key, size, false)
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("%d requests are not answered", len(k.doubts))
		}
	}
}

func (k *keeperTest) accepted() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.sizes)
}

// eaten has others take all of the disk while the node writes, and gives it back.
func (k *keeperTest) eaten() {
	k.t.Helper()
	under := make(chan struct{})
	go func() {
		defer close(under)
		k.load(1<<10, 20_000)
	}()
	k.write("eater", 256<<20)
	select {
	case <-under:
	case <-time.After(10 * time.Second): // a request waits for room in the journal: it gets some
		k.remove("eater")
		<-under
		k.settle()
		return
	}
	if k.goesOn() { // it has seen it in time
		k.remove("eater")
		k.settle()
		return
	}
	k.exits++
	if code := k.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(k.log.String(), "no space left on device") {
		k.t.Errorf("it ends with exit code %d:\n%s", code, k.log.String())
	}
	k.launch() // on the full disk
	if k.listens() {
		k.kill()
	} else if code := k.cmd.ProcessState.ExitCode(); code != 1 {
		k.t.Errorf("a start on the full disk ends with exit code %d:\n%s", code, k.log.String())
	}
	k.remove("eater")
	k.start()
	k.settle()
}

// goesOn waits until the node answers, or has ended.
func (k *keeperTest) goesOn() bool {
	k.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		select {
		case <-k.ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if k.metric("statefun_disk_scarce") != "" {
			return true
		}
	}
	k.t.Fatalf("it neither goes on nor ends:\n%s", k.log.String())
	return false
}

// check compares all that was accepted with what there is.
func (k *keeperTest) check(when string) {
	k.t.Helper()
	k.settleTotal(when)
	for key, size := range k.sizes {
		got, err := k.get(fmt.Sprintf("/disk/keeper/%d/state/kept", key))
		if err != nil || !bytes.Equal(got, valueOf(key, size)) {
			k.t.Fatalf("%s: value %d of %d is not there: %d bytes, %v\n%s", when, key, len(k.sizes), len(got), err, k.log.String())
		}
	}
}

// settleTotal waits until every accepted value is counted, once.
func (k *keeperTest) settleTotal(when string) {
	k.t.Helper()
	got, least := int64(0), int64(len(k.sizes))
	most := least + int64(len(k.doubts))
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		b, err := k.get("/disk/total/all/state/total")
		if err == nil {
			got, err = functions.Int64.Decode(b)
		}
		if err != nil {
			k.t.Fatalf("%s: %v\n%s", when, err, k.log.String())
		}
		if got >= least && got <= most {
			return
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // another process
	}
	k.t.Fatalf("%s: %d values are counted, %d were accepted, %d not answered\n%s", when, got, least, len(k.doubts), k.log.String())
}

func (k *keeperTest) get(path string) ([]byte, error) {
	resp, err := http.Get(k.url + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// metric is the value of a metric, "" if there is none.
func (k *keeperTest) metric(name string) string {
	b, err := k.get("/metrics")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lockedLog is what a process says, while it does.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
