package statefun_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/playground/playgroundtest"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/remote"
)

// greeter counts whom it has seen, in a server of functions. What it is told later
// it tells the log, down a chain.
func greeter(said chan<- string) []functions.Function {
	seen := functions.Value("seen", functions.Int64)
	return []functions.Function{{
		Type: "greeter/person", States: []functions.State{seen},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, s string) error {
			n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
			if _, ok := ctx.Caller(); ok {
				ctx.Reply(functions.Int64.Of(n))
			}
			ctx.Send(functions.TypeName("greeter/log").At("all"), functions.String.Of(ctx.Self().ID+" says "+s))
			ctx.SendAfter(10*time.Millisecond, functions.TypeName("greeter/log").At("all"), functions.String.Of("later"))
			return nil
		})},
	}, {
		Type: "greeter/log",
		Handlers: []functions.Handler{functions.On(functions.String, func(_ functions.Context, s string) error {
			said <- s
			return nil
		})},
	}}
}

// write writes a module file.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func call(t *testing.T, url string) (answer int64) {
	t.Helper()
	status, body := playgroundtest.Request(t, http.MethodPost, url, stringType, stringValue("hello"))
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	answer, err := functions.Int64.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// A module file alone makes an application of functions that are elsewhere. Their
// state is the node's, also after a restart. COMPAT 2, 7, 11, 28, 52, 83.
func TestFunctionsOverHTTP(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said := make(chan string, 16)
	handler, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, greeter(said)...)
	if err != nil {
		t.Fatal(err)
	}
	// The first answer of the second round is lost on its way, the effects are not doubled.
	lose := make(chan struct{}, 1)
	var lost sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-lose:
			defer lost.Done()
			handler.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	file := write(t, "kind: io.statefun.endpoints.v2/http\nspec:\n  functions: greeter/*\n  urlPathTemplate: "+server.URL+"/{function.name}\n")
	config := statefun.Config{
		DataDir: t.TempDir(), HTTP: "127.0.0.1:0", Modules: []string{file}, Logger: slog.New(slog.DiscardHandler),
	}
	for round := range int64(2) {
		n, err := statefun.New(config).Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			lost.Add(1)
			lose <- struct{}{}
		}
		for i := range int64(2) {
			if got, want := call(t, n.URL()+"/greeter/person/ada?call"), 1+2*round+i; got != want {
				t.Errorf("round %d: seen %d times, want %d", round, got, want)
			}
			heard := []string{<-said, <-said}
			if strings.Join(heard, ", ") != "ada says hello, later" {
				t.Errorf("the log has heard %q", heard)
			}
		}
		if err := n.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	lost.Wait()
}

// Kinds that there is no connector for are refused, with their place.
func TestModulesWithoutConnectors(t *testing.T) {
	t.Parallel()
	file := write(t, "kind: io.statefun.kafka.v1/egress\nspec:\n  id: a/b\n  address: kafka:9092\n")
	_, err := statefun.New(statefun.Config{
		DataDir: t.TempDir(), HTTP: "off", Modules: []string{file}, Logger: slog.New(slog.DiscardHandler),
	}).Start(t.Context())
	want := file + ":1:1: expected a component of kind"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "found io.statefun.kafka.v1/egress, for which this version has no connector") {
		t.Errorf("got %v, want %s", err, want)
	}
}
