package statefun_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/functions/remote"
)

// scribe notes what it is told, but for "well", and fails on what begins with "poison".
func scribe(heard chan<- string) functions.Function {
	return functions.Function{
		Type: "test/scribe", Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, s string) error {
			switch {
			case s == "well":
				return nil
			case s == "poison for good":
				return functions.Permanent(errors.New("planned"))
			case strings.HasPrefix(s, "poison"):
				return errors.New("planned")
			}
			heard <- ctx.Self().ID + " " + s
			return nil
		})},
	}
}

// runRemote starts a node with one endpoint.
func runRemote(t *testing.T, endpoint string) *statefun.Node {
	t.Helper()
	n, err := statefun.New(statefun.Config{
		DataDir: t.TempDir(), HTTP: "off", Modules: []string{write(t, endpoint)}, Logger: slog.New(slog.DiscardHandler),
		FirstBackoff: time.Millisecond, LastBackoff: 10 * time.Millisecond, MaxAttempts: 4,
	}).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

const endpointV2 = "kind: io.statefun.endpoints.v2/http\nspec:\n  functions: test/scribe\n  urlPathTemplate: "

func tell(t *testing.T, n *statefun.Node, id string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if err := n.Engine().Send(t.Context(), functions.TypeName("test/scribe").At(id), functions.String.Of(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// quarantined waits for so many messages in quarantine.
func quarantined(t *testing.T, n *statefun.Node, want int) (out []actors.Quarantined) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		out = nil
		if err := n.Engine().Quarantine(func(q actors.Quarantined) bool {
			out = append(out, q)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if len(out) >= want {
			return out
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatalf("%d messages in quarantine, want %d", len(out), want)
		}
	}
}

// Poison at one address, with nothing else at the endpoint, and at several, with one that
// is answered, is set aside: by our server's word, and by what a server without it (as the official SDKs
// are) answers otherwise; when it only hangs up, or says so behind a gateway.
func TestRemotePoisonOverHTTP(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(w http.ResponseWriter, failure *httptest.ResponseRecorder){
		"our server": func(w http.ResponseWriter, failure *httptest.ResponseRecorder) {
			maps.Copy(w.Header(), failure.Header())
			w.WriteHeader(failure.Code)
		},
		"500": func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
			http.Error(w, "exception", http.StatusInternalServerError)
		},
		"502": func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
			http.Error(w, "upstream", http.StatusBadGateway)
		},
		"hangs up": func(http.ResponseWriter, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) },
		"200 and no type": func(w http.ResponseWriter, _ *httptest.ResponseRecorder) { // COMPAT 39: the playground's Java server
			w.Header()["Content-Type"] = nil
			w.Header().Set("Status", "500")
		},
	} {
		for _, ids := range []string{"a", "abc"} {
			t.Run(name+" "+ids, func(t *testing.T) {
				t.Parallel()
				heard := make(chan string, 100)
				handler, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, scribe(heard))
				if err != nil {
					t.Fatal(err)
				}
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					failure := httptest.NewRecorder()
					handler.ServeHTTP(failure, r)
					if failure.Code != http.StatusOK {
						fail(w, failure)
						return
					}
					w.Header().Set("Content-Type", protocol.ContentType)
					_, _ = w.Write(failure.Body.Bytes())
				}))
				defer server.Close()
				n := runRemote(t, endpointV2+server.URL+"\n")
				for _, id := range ids {
					tell(t, n, string(id), "poison")
				}
				ctx, stop := context.WithCancel(t.Context())
				var telling sync.WaitGroup
				if len(ids) > 1 {
					telling.Go(func() {
						for ctx.Err() == nil {
							tell(t, n, "other", "well")
						}
					})
				}
				for _, q := range quarantined(t, n, len(ids)) {
					if q.Attempts != 4 {
						t.Errorf("quarantined: %+v", q)
					}
				}
				stop()
				telling.Wait()
				for _, id := range ids {
					tell(t, n, string(id), "fine")
				}
				for range ids {
					<-heard
				}
			})
		}
	}
}

// A server that is not there, or has a gateway before it that says so, for a while: nothing is
// counted, and all is heard once, in order, when it comes.
func TestRemoteServerAwayOverHTTP(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1000)
	handler, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, scribe(heard))
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s.sock") // which no other process takes meanwhile, as it may a port
	n := runRemote(t, endpointV2+"http+unix://"+socket+"/\n  transport:\n    type: io.statefun.transports.v1/okhttp\n")
	var mu sync.Mutex
	refused := 0
	enough := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if refused++; refused == 50 {
			close(enough)
		}
		away := refused <= 50
		mu.Unlock()
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	const addresses = "abcdefghij"
	for _, id := range addresses {
		tell(t, n, string(id), "1", "2", "3")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket) // now there is somebody
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(l) })
	defer served.Wait()
	defer server.Close()
	<-enough
	last := map[string]string{}
	for range 3 * len(addresses) {
		id, s, _ := strings.Cut(<-heard, " ")
		last[id] += s
	}
	for _, id := range addresses {
		if last[string(id)] != "123" {
			t.Errorf("%c has heard %q", id, last[string(id)])
		}
	}
	if q := quarantined(t, n, 0); len(q) > 0 {
		t.Errorf("quarantined: %+v", q)
	}
}

// What the OkHTTP profile does not try again is set aside at once; a function's word
// counts in both. COMPAT 42.
func TestRemotePermanentFailuresOverHTTP(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 100)
	handler, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, scribe(heard))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(body), "not found") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	v1 := "kind: io.statefun.endpoints.v1/http\nspec:\n  functions: test/scribe\n  urlPathTemplate: " + server.URL + "\n"
	for file, attempts := range map[string]int{endpointV2 + server.URL + "\n": 4, v1: 1} {
		n := runRemote(t, file)
		tell(t, n, "a", "not found", "fine")
		tell(t, n, "b", "poison for good", "fine")
		for range 2 {
			<-heard
		}
		for _, q := range quarantined(t, n, 2) {
			if want := map[string]int{"a": attempts, "b": 1}[q.Address.ID]; q.Attempts != want {
				t.Errorf("%s: %d attempts, want %d: %s", q.Address, q.Attempts, want, q.Error)
			}
		}
	}
}

// The runtime stops at once with addresses in line at a server that is not there.
func TestRemoteStopsWhileServerIsAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	n := runRemote(t, endpointV2+server.URL+"\n")
	tell(t, n, "a", "1")
	tell(t, n, "b", "1")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}
