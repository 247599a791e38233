//go:build e2e

package sdks

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
)

// server is a process that serves the functions of an SDK. Its port stays the same.
type server struct {
	t      *testing.T
	sdk    *sdk
	port   int
	states []string // of program, as in the option --state

	process *processtest.Process
}

// counted are the states that programs of any kind need.
var counted = []string{"got:counts", "sent:counts"}

// serving starts a server whose program has some states, and counts.
func (s *sdk) serving(t *testing.T, states ...string) *server {
	t.Helper()
	v := &server{t: t, sdk: s, port: freePort(t), states: slices.Concat(states, counted)}
	v.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("standard error of the server:\n%s", v.process.Notes())
		}
	})
	return v
}

func (v *server) start() {
	v.t.Helper()
	cmd := v.sdk.serve(v.sdk.installed(v.t))
	cmd.Args = append(cmd.Args, "--namespace", v.sdk.name, "--port", strconv.Itoa(v.port))
	for _, state := range v.states {
		cmd.Args = append(cmd.Args, "--state", state)
	}
	v.process = processtest.Start(v.t, cmd)
	v.process.See("listening")
}

func (v *server) url() string { return fmt.Sprintf("http://127.0.0.1:%d", v.port) }

// endpoint is the server as a document of module.yaml.
func (v *server) endpoint() string { return endpointAt(v.sdk, v.url()) }

func endpointAt(s *sdk, url string) string {
	return fmt.Sprintf(`---
kind: io.statefun.endpoints.v2/http
spec:
  functions: %s/*
  urlPathTemplate: %s/{function.name}
`, s.name, url)
}

// nextPort is where the search for a port goes on.
var nextPort atomic.Int32

func init() { nextPort.Store(rand.Int32N(ports)) }

// Ports are taken from below those that the system gives to connections, so that nobody
// gets a port while a process that is to have it again is down.
const firstPort, ports = 20000, 10000

func freePort(t *testing.T) int {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}
