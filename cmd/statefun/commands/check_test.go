package commands_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/remote"
)

// functionServer serves example/greeter, which takes strings and long numbers.
func functionServer(t *testing.T) string {
	t.Helper()
	seen := functions.Value("seen", functions.Int64)
	count := func(ctx functions.Context) { seen.Update(ctx, func(n int64) int64 { return n + 1 }) }
	h, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, functions.Function{
		Type: "example/greeter", States: []functions.State{seen},
		Handlers: []functions.Handler{
			functions.On(functions.String, func(ctx functions.Context, in string) error {
				count(ctx)
				ctx.Send(functions.Egress("example/greets"), functions.String.Of("Hello "+in))
				return nil
			}),
			functions.On(functions.Long, func(ctx functions.Context, _ int64) error { count(ctx); return nil }),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestCheck(t *testing.T) {
	t.Parallel()
	url := functionServer(t)
	s := &shell{}
	s.expect(t, exit.OK, "check "+url, "✓ connect ", "✓ unknown function ", "– function ", "--function namespace/name", "\nall is well\n")
	s.expect(t, exit.OK, "check "+url+" --function example/greeter", "✓ handshake ", "seen (io.statefun.types/long)", "– message ")
	r := s.expect(t, exit.OK, "check "+url+" --function example/greeter --string Ann", "✓ batch ", "1 egress record,", "✓ time ")
	if !strings.Contains(r.notes, "calls example/greeter up to 6 times") {
		t.Errorf("nothing said before: %q", r.notes)
	}
	s.expect(t, exit.OK, "check "+url+" --function example/greeter --type long --value 5", "✓ batch ")
	s.in = "\x0a\x03Ann"
	s.expect(t, exit.OK, "check "+url+" --function example/greeter --type io.statefun.types/string --file -", "✓ batch ")
	r = s.expect(t, exit.Failed, "check "+url+" --function example/other --string x", "is not as it should be")
	if !strings.Contains(r.out, "✗ handshake ") || !strings.Contains(r.out, "→ ") {
		t.Errorf("got %s", r.out)
	}
	s.expect(t, exit.NotFound, "check http+unix://"+filepath.Join(t.TempDir(), "no.sock"), "was not reached")
}

func TestCheckModule(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "module.yaml")
	text := "kind: io.statefun.endpoints.v2/http\nspec: {functions: example/*, urlPathTemplate: '" + functionServer(t) + "/{function.name}'}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &shell{}
	r := s.expect(t, exit.Failed, "check --json -f "+path+" --function example/greeter --string Ann")
	var report check.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || !report.Reached || report.Healthy || !strings.HasSuffix(report.URL, "/greeter") {
		t.Errorf("got %s, %v", r.out, err)
	}
	if last := report.Findings[len(report.Findings)-1]; last.Outcome != check.Failed || !strings.Contains(last.What, "egress example/greets, which the module does not have") {
		t.Errorf("got %+v", last)
	}
	s.expect(t, exit.OK, "check -f "+path+" --function example/greeter", "✓ handshake ")
	s.expect(t, exit.Usage, "check -f "+path+" --function other/greeter", "no endpoint in")
	s.expect(t, exit.Usage, "check -f "+path+"x --function example/greeter", "Failed loading a module")
}
