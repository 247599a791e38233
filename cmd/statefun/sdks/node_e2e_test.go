//go:build e2e

package sdks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/functions"
)

// node is the runtime: a process of the command statefun with a module file. Its port
// stays the same.
type node struct {
	t           *testing.T
	dir, module string
	port        int
	client      *http.Client
	process     *processtest.Process

	mu   sync.Mutex
	told map[string]int // messages of the driver to each address
}

// running starts a node with the documents of a module file.
func running(t *testing.T, documents ...string) *node {
	t.Helper()
	n := &node{
		t: t, dir: filepath.Join(t.TempDir(), "data"), module: filepath.Join(t.TempDir(), "module.yaml"),
		port: freePort(t), told: map[string]int{},
	}
	var text bytes.Buffer
	for _, d := range documents {
		text.WriteString(d)
	}
	if err := os.WriteFile(n.module, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	n.client = &http.Client{Transport: transport, Timeout: processtest.Patience}
	t.Cleanup(transport.CloseIdleConnections)
	n.start()
	t.Cleanup(n.explain)
	return n
}

// explain logs what the node has to say if the test failed.
func (n *node) explain() {
	if n.t.Failed() && n.process.Alive() {
		_, answer, err := n.request(http.MethodGet, "/io.statefun/quarantine", nil, nil)
		n.t.Logf("quarantine: %.5000s (%v)\nlog:\n%s", answer, err, n.process.Notes())
	}
}

func (n *node) start() {
	n.t.Helper()
	cmd := exec.Command(os.Args[0], "run", "-f", n.module, "--data", n.dir, "--http", fmt.Sprintf("127.0.0.1:%d", n.port),
		"--last-backoff", "500ms") // servers are down for a moment only
	cmd.Env = append(os.Environ(), runtimeEnv+"=1")
	n.process = processtest.Start(n.t, cmd)
	n.process.See("running")
}

// request makes one request of the node.
func (n *node) request(method, path string, body []byte, header http.Header) (status int, answer []byte, err error) {
	q, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d%s", n.port, path), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	q.Header = header
	response, err := n.client.Do(q)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func contentType(t functions.TypeName) http.Header {
	return http.Header{"Content-Type": {"application/vnd." + string(t)}}
}

// at is the path of an address.
func at(function, id string) string { return "/" + function + "/" + url.PathEscape(id) }

// send has a message accepted. It is sent again, with its key, while the node is down.
func (n *node) send(path string, t functions.TypeName, key string, value []byte) {
	n.t.Helper()
	header := contentType(t)
	header.Set("Idempotency-Key", key)
	until(n.t, path+" is accepted", func() (done bool, found any) {
		status, answer, err := n.request(http.MethodPost, path, value, header)
		switch {
		case err != nil:
			return false, err
		case status == http.StatusServiceUnavailable:
			return false, string(answer)
		case status != http.StatusAccepted:
			n.t.Errorf("%s: status %d: %s", path, status, answer)
		}
		return true, nil
	})
}

// state reads a number of an address, as its function would see it.
func (n *node) state(function, id, name string) (value int64, present bool, err error) {
	status, answer, err := n.request(http.MethodGet, at(function, id)+"/state/"+name, nil, nil)
	switch {
	case err != nil:
		return 0, false, err
	case status == http.StatusNotFound:
		return 0, false, nil
	case status != http.StatusOK:
		return 0, false, fmt.Errorf("%s/%s, state %s: status %d: %s", function, id, name, status, answer)
	}
	v, err := functions.Int32.Decode(answer)
	return int64(v), true, err
}

// becomes waits until a state has a value.
func (n *node) becomes(function, id, name string, want int64) {
	n.t.Helper()
	until(n.t, fmt.Sprintf("%s of %s/%s is %d", name, function, id, want), func() (bool, any) {
		got, _, err := n.state(function, id, name)
		if err != nil {
			return false, err
		}
		if got > want {
			n.t.Errorf("%s of %s/%s is %d, above %d", name, function, id, got, want)
			return true, nil
		}
		return got == want, got
	})
}

// quarantined is the list of messages that were set aside.
func (n *node) quarantined() []byte {
	n.t.Helper()
	status, answer, err := n.request(http.MethodGet, "/io.statefun/quarantine", nil, nil)
	if err != nil || status != http.StatusOK {
		n.t.Errorf("quarantine: status %d, %s, %v", status, answer, err)
	}
	return answer
}

// clean checks that no message was set aside.
func (n *node) clean() {
	n.t.Helper()
	var list struct{ Messages []json.RawMessage }
	if b := n.quarantined(); json.Unmarshal(b, &list) != nil || len(list.Messages) > 0 {
		n.t.Errorf("messages in quarantine: %s", b)
	}
}

// line is a record in the file of an egress.
type line struct {
	Key, Type string
	Value     json.RawMessage
}

// lines are the records that an egress has so far.
func (n *node) lines(name string) []line {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		n.t.Fatal(err)
	}
	var out []line
	for text := range bytes.Lines(b) {
		if !bytes.HasSuffix(text, []byte("\n")) {
			break // it is being written
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			n.t.Fatalf("%s: %q: %v", name, text, err)
		}
		out = append(out, l)
	}
	return out
}

// texts are those lines of an egress that are of one key, or all, as strings.
func (n *node) texts(name, key string) []string {
	n.t.Helper()
	var out []string
	for _, l := range n.lines(name) {
		if key != "" && l.Key != key {
			continue
		}
		var s string
		if err := json.Unmarshal(l.Value, &s); err != nil {
			n.t.Fatalf("%s: %s: %v", name, l.Value, err)
		}
		out = append(out, s)
	}
	return out
}

// pause is between two looks at another process.
const pause = 10 * time.Millisecond

// until looks at something again and again until it is done, and fails the test if that
// takes too long, with what was found last.
func until(t *testing.T, what string, look func() (done bool, found any)) {
	t.Helper()
	within(t, 2*processtest.Patience, what, look)
}

func within(t *testing.T, limit time.Duration, what string, look func() (done bool, found any)) {
	t.Helper()
	wait(t, what, look, time.NewTimer(limit), func(string) {})
}

// whileItChanges is until for what takes its time, but is never the same for as long as a
// limit.
func whileItChanges(t *testing.T, limit time.Duration, what string, look func() (done bool, found any)) {
	t.Helper()
	last, late := "", time.NewTimer(limit)
	wait(t, what, look, late, func(found string) {
		if found != last {
			last = found
			late.Reset(limit)
		}
	})
}

func wait(t *testing.T, what string, look func() (done bool, found any), late *time.Timer, saw func(found string)) {
	t.Helper()
	defer late.Stop()
	for {
		done, found := look()
		if done {
			return
		}
		saw(show(found))
		select {
		case <-late.C:
			t.Fatalf("waited in vain until %s; found %s", what, show(found))
		case <-t.Context().Done():
			t.Fatalf("at the end of the test %s was not yet so; found %s", what, show(found))
		case <-time.After(pause):
		}
	}
}

func show(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}
