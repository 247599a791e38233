//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/connectors/playground/playgroundtest"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// Where the process may have few files open, slow function servers and many clients take
// none that the journal needs: messages are accepted, the log goes on, the node can be
// asked, and nothing is lost.
func TestFewOpenFiles(t *testing.T) {
	t.Parallel()
	const limit, messages, clients = 64, 300, 40
	answer := make(chan struct{})
	var mu sync.Mutex
	seen := map[functions.Address]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m protocol.ToFunction
		if err == nil {
			err = new(protocol.Decoder).ToFunction(body, &m)
		}
		if err != nil {
			t.Error(err)
		}
		<-answer
		mu.Lock()
		seen[m.Invocation.Target] = true
		mu.Unlock()
		w.Header().Set("Content-Type", "application/octet-stream")
	}))
	defer server.Close()
	data, file := filepath.Join(t.TempDir(), "data"), writeModule(t, endpointAt(server.URL))
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit),
		os.Args[0], "run", "-f", file, "--data", data, "--http", "127.0.0.1:0", "--log-bytes", "1MiB")
	cmd.Env = append(os.Environ(), processEnv+"=statefun")
	p := processtest.Start(t, cmd)
	url := p.See("listening ")
	p.See("running")

	var sending sync.WaitGroup
	for c := range clients {
		transport := &http.Transport{}
		sending.Go(func() {
			client := &http.Client{Transport: transport, Timeout: processtest.Patience}
			for i := c; i < messages; i += clients {
				r, err := client.Post(fmt.Sprintf("%s/example/a/%d", url, i), "application/vnd.test/bytes", bytes.NewReader(make([]byte, 20_000)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Body.Close()
				if r.StatusCode != http.StatusAccepted {
					t.Errorf("message %d: %s", i, r.Status)
				}
			}
			transport.CloseIdleConnections() // others wait for their turn
		})
	}
	sending.Wait()
	if status, _ := playgroundtest.Request(t, http.MethodGet, url+"/readyz", "", ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	close(answer)
	for late := time.Now().Add(processtest.Patience); ; <-time.After(time.Millisecond) {
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		if n == messages {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d of %d messages were handled; log:\n%s", n, messages, p.Notes())
		}
	}
	p.Signal(syscall.SIGTERM)
	p.Ends(exit.OK)
}
