package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/client"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// exchange is a request as it came, and the answer to it.
type exchange struct {
	line   string // method, path and query, still encoded
	header http.Header
	body   string

	status int
	media  string
	answer string
}

// serve answers one request after the other with e, and keeps what came.
func serve(t *testing.T, e *exchange) *client.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		e.line, e.header, e.body = r.Method+" "+r.RequestURI, r.Header, string(b)
		if e.media != "" {
			w.Header().Set("Content-Type", e.media)
		}
		if e.status != 0 {
			w.WriteHeader(e.status)
		}
		_, _ = io.WriteString(w, e.answer)
	}))
	t.Cleanup(s.Close)
	return dial(t, client.Config{Addr: s.URL})
}

func dial(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRequests(t *testing.T) {
	t.Parallel()
	to := functions.Address{Type: "a/b", ID: "x/y %?é"}
	const path = "/a/b/x%2Fy%20%25%3F%C3%A9"
	const query = "address=a%2Fb%2Fx%2Fy+%25%3F%C3%A9"
	for want, f := range map[string]func(ctx context.Context, c *client.Client) error{
		"POST " + path: func(ctx context.Context, c *client.Client) error {
			_, err := c.Send(ctx, client.Sending{To: to})
			return err
		},
		"POST " + path + "?call": func(ctx context.Context, c *client.Client) error {
			_, err := c.Send(ctx, client.Sending{To: to, Call: true})
			return err
		},
		"POST " + path + "?call&timeout=1.5s": func(ctx context.Context, c *client.Client) error {
			_, err := c.Send(ctx, client.Sending{To: to, Call: true, Timeout: 1500 * time.Millisecond})
			return err
		},
		"GET " + path + "/state": func(ctx context.Context, c *client.Client) error {
			_, err := c.States(ctx, to)
			return err
		},
		"GET " + path + "/state/n%2Fm": func(ctx context.Context, c *client.Client) error {
			_, err := c.State(ctx, to, "n/m", false)
			return err
		},
		"GET /a/b/%73tate/state/%73tate": func(ctx context.Context, c *client.Client) error {
			_, err := c.State(ctx, functions.Address{Type: "a/b", ID: "state"}, "state", true)
			return err
		},
		"GET /%2E/%2E./%2E./state": func(ctx context.Context, c *client.Client) error {
			_, err := c.States(ctx, functions.Address{Type: "./..", ID: ".."})
			return err
		},
		"GET /a/b//state": func(ctx context.Context, c *client.Client) error {
			_, err := c.States(ctx, functions.Address{Type: "a/b"})
			return err
		},
		"GET /io.statefun/status": func(ctx context.Context, c *client.Client) error {
			_, err := c.Status(ctx)
			return err
		},
		"GET /io.statefun/quarantine?function=a%2Fb&limit=7": func(ctx context.Context, c *client.Client) error {
			_, err := c.Quarantine(ctx, "a/b", 7)
			return err
		},
		"GET /io.statefun/quarantine?limit=1": func(ctx context.Context, c *client.Client) error {
			_, err := c.Quarantine(ctx, "", 1)
			return err
		},
		"GET /io.statefun/quarantine/5?" + query: func(ctx context.Context, c *client.Client) error {
			_, err := c.Quarantined(ctx, to, 5)
			return err
		},
		"POST /io.statefun/quarantine/5/retry?" + query: func(ctx context.Context, c *client.Client) error {
			return c.Retry(ctx, to, 5)
		},
		"DELETE /io.statefun/quarantine/5?" + query: func(ctx context.Context, c *client.Client) error {
			return c.Drop(ctx, to, 5)
		},
		"POST /io.statefun/purge": func(ctx context.Context, c *client.Client) error {
			_, err := c.Purge(ctx, door.Purge{Address: &to})
			return err
		},
	} {
		e := &exchange{answer: "{}"}
		if err := f(t.Context(), serve(t, e)); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if e.line != want {
			t.Errorf("got  %s\nwant %s", e.line, want)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	e := &exchange{media: "application/vnd.a/reply", answer: "\x00\x01"}
	c := serve(t, e)
	s := client.Sending{
		To: functions.Address{Type: "a/b", ID: "c"}, Media: client.MediaOf("a/in"), Body: []byte("bytes"), Key: "once", Call: true, Raw: true,
	}
	reply, err := c.Send(t.Context(), s)
	if err != nil || reply.Media != "application/vnd.a/reply" || string(reply.Body) != "\x00\x01" {
		t.Errorf("got %v, %v", reply, err)
	}
	if e.header.Get("Content-Type") != "application/vnd.a/in" || e.header.Get("Idempotency-Key") != "once" || e.header.Get("Accept") != "" || e.body != "bytes" {
		t.Errorf("sent %v with %q", e.header, e.body)
	}
	s.Raw, s.Key = false, ""
	if _, err := c.Send(t.Context(), s); err != nil || e.header.Get("Accept") != "application/json" || e.header["Idempotency-Key"] != nil {
		t.Errorf("sent %v, %v", e.header, err)
	}
}

func TestPurgeBody(t *testing.T) {
	t.Parallel()
	e := &exchange{answer: `{"addresses":1,"states":2,"messages":3,"timers":4}`}
	purged, err := serve(t, e).Purge(t.Context(), door.Purge{Type: "a/b", DryRun: true})
	if err != nil || purged.Addresses != 1 || purged.States != 2 || purged.Messages != 3 || purged.Timers != 4 {
		t.Errorf("got %+v, %v", purged, err)
	}
	if e.body != `{"type":"a/b","dry_run":true}` || e.header.Get("Content-Type") != "application/json" {
		t.Errorf("sent %s, %v", e.body, e.header)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status   int
		answer   string
		want     string
		notFound bool
	}{
		{404, `{"error":"unknown function a/b"}`, "unknown function a/b", true},
		{429, `{"error":"later"}`, "later", false},
		{502, "<html>proxy</html>", "the node answered 502 Bad Gateway: <html>proxy</html>", false},
		{500, "", "the node answered 500 Internal Server Error", false},
		{302, "", "the node answered 302 Found", false},
		{200, "<html>hello</html>", "did not answer as a node does", false},
	} {
		_, err := serve(t, &exchange{status: c.status, answer: c.answer}).Status(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || client.NotFound(err) != c.notFound {
			t.Errorf("%d: got %v", c.status, err)
		}
	}
}

func TestNoNode(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := dial(t, client.Config{Addr: s.URL})
	if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrNoNode) || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrNoNode) {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"127.0.0.1:8080":         "http://127.0.0.1:8080",
		"http://[::1]:8080/":     "http://[::1]:8080",
		"https://node.example":   "https://node.example",
		"":                       "",
		"ftp://a":                "",
		"http://":                "",
		"http://a/path":          "",
		"http://a:8080?x=y":      "",
		"http://a b":             "",
		"http://127.0.0.1:99999": "http://127.0.0.1:99999", // for the connection to say
	} {
		c, err := client.New(client.Config{Addr: in})
		if (err == nil) != (want != "") || err == nil && c.URL() != want {
			t.Errorf("%q: got %v, %v", in, c, err)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	e := &exchange{answer: "{}"}
	base := serve(t, e).URL()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, " s3cret\n")
	if _, err := dial(t, client.Config{Addr: base, TokenFile: file}).Status(t.Context()); err != nil || e.header.Get("Authorization") != "Bearer s3cret" {
		t.Errorf("got %v, %v", e.header, err)
	}
	for _, content := range []string{"", "\n", "two words"} {
		write(t, file, content)
		if _, err := client.New(client.Config{Addr: base, TokenFile: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: got %v", content, err)
		}
	}
	if _, err := client.New(client.Config{Addr: base, TokenFile: file + "-missing"}); err == nil {
		t.Error("a missing token file is no error")
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(s.Close)
	if _, err := dial(t, client.Config{Addr: s.URL}).Status(t.Context()); err == nil {
		t.Error("an unknown certificate was trusted")
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, file, pemOf(s.Certificate().Raw))
	if _, err := dial(t, client.Config{Addr: s.URL, CAFile: file}).Status(t.Context()); err != nil {
		t.Error(err)
	}
	write(t, file, "nothing")
	if _, err := client.New(client.Config{Addr: s.URL, CAFile: file}); err == nil || !strings.Contains(err.Error(), "no PEM certificate") {
		t.Errorf("got %v", err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
