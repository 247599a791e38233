//go:build e2e

package sdks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/connectors/playground/playgroundtest"
)

// example is the greeter's directory.
const example = "../../../examples/greeter"

// The greeter of examples/greeter in each language, with its module file: the
// playground's ingress and egress, state, a second function, records. The functions do
// not notice that the runtime is killed in between. COMPAT 3, 4, 5, 6, 7, 11, 37, 79,
// 80.
func TestGreeter(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		greet(t, s.greeter(s.installed(t)))
	})
}

// The example in Go is with this project's own package functions/remote.
func TestGreeterInGo(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "greeter")
	if out, err := exec.Command("go", "build", "-o", binary, example+"/go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	greet(t, exec.Command(binary))
}

func greet(t *testing.T, server *exec.Cmd) {
	t.Helper()
	port, in, out := freePort(t), freePort(t), freePort(t)
	if server.Env == nil {
		server.Env = os.Environ()
	}
	server.Env = append(server.Env, fmt.Sprint("PORT=", port))
	processtest.Start(t, server).See("serving")
	n := running(t, exampleAt(t, port, in, out))
	person := fmt.Sprintf("http://127.0.0.1:%d/example/person/", in)
	greetings := fmt.Sprintf("http://127.0.0.1:%d/greetings", out)
	for i, c := range []struct{ name, want string }{
		{"Ada", "Welcome, Ada!"},
		{"Grace", "Welcome, Grace!"},
		{"Ada", "Nice to see you again, Ada!"},
		{"Ada", "Visit number 3, Ada!"},
		{"Grace", "Nice to see you again, Grace!"},
		{"Ada", "Visit number 4, Ada!"},
	} {
		playgroundtest.Empty(t, greetings)
		playgroundtest.Put(t, person+c.name, "application/vnd.example/Visit", fmt.Sprintf(`{"name": %q}`, c.name))
		if i == 3 { // the visit is durable, and so is all that was before
			n.process.Kill()
			n.start()
		}
		if got := playgroundtest.Take(t, greetings); got != c.want {
			t.Errorf("visit %d: got %q, want %q", i, got, c.want)
		}
	}
	playgroundtest.Empty(t, greetings)
	n.becomes("example/person", "Ada", "visits", 4)
	n.becomes("example/person", "Grace", "visits", 2)
	n.clean()
}

// exampleAt is the example's module file with other ports.
func exampleAt(t *testing.T, functions, ingress, egress int) string {
	t.Helper()
	b, err := os.ReadFile(example + "/module.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for was, port := range map[string]int{"8000": functions, "8090": ingress, "8091": egress} {
		if strings.Count(text, was) != 1 {
			t.Fatalf("expected the port %s once in\n%s", was, text)
		}
		text = strings.Replace(text, was, strconv.Itoa(port), 1)
	}
	return text
}
