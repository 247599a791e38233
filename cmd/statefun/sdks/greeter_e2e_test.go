//go:build e2e

package sdks

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The greeter of StateFun's playground in each language, with the playground's ingress
// and egress: state, a second function, records. The functions do not notice that the
// runtime is killed in between. COMPAT 3, 4, 5, 6, 7, 11, 37, 79, 80.
func TestGreeter(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		in, out := freePort(t), freePort(t)
		n := running(t, s.serving(t).endpoint(), fmt.Sprintf(`---
kind: io.statefun.playground.v1/ingress
spec: {port: %d}
---
kind: io.statefun.playground.v1/egress
spec: {port: %d, topics: [greetings]}
`, in, out))
		for i, c := range []struct{ name, want string }{
			{"Ada", "Welcome, Ada!"},
			{"Grace", "Welcome, Grace!"},
			{"Ada", "Nice to see you again, Ada!"},
			{"Ada", "This is visit 3, Ada!"},
			{"Grace", "Nice to see you again, Grace!"},
			{"Ada", "This is visit 4, Ada!"},
		} {
			none(n, out) // so what was taken before is being removed
			status, answer := n.curl(http.MethodPut, in, at(s.function("person"), c.name), fmt.Sprintf(`{"name": %q}`, c.name))
			if status != http.StatusOK {
				t.Fatalf("visit %d: status %d: %s", i, status, answer)
			}
			if i == 3 { // the visit is durable, and so is all that was before
				n.process.Kill()
				n.start()
			}
			until(t, "a greeting is there", func() (bool, any) {
				status, answer = n.curl(http.MethodGet, out, "/greetings", "")
				return status == http.StatusOK, status
			})
			if answer != c.want {
				t.Errorf("visit %d: got %q, want %q", i, answer, c.want)
			}
		}
		none(n, out)
		n.becomes(s.function("person"), "Ada", "visits", 4)
		n.becomes(s.function("person"), "Grace", "visits", 2)
		n.clean()
	})
}

// none checks that no greeting waits at the port of the egress.
func none(n *node, port int) {
	n.t.Helper()
	if status, answer := n.curl(http.MethodGet, port, "/greetings", ""); status != http.StatusNoContent {
		n.t.Errorf("a greeting too much: status %d: %s", status, answer)
	}
}

// curl makes a request of a port of the playground.
func (n *node) curl(method string, port int, path, body string) (status int, answer string) {
	n.t.Helper()
	q, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	q.Header = contentType("greeter/visit")
	response, err := n.client.Do(q)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, string(b)
}
