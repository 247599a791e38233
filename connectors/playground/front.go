package playground

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Access says who is let in. On a loopback address nothing has to be set.
type Access = httpserver.Access

// Limits bound what a client may take.
type Limits = httpserver.Limits

// Options configure an ingress or an egress; the port is in its spec.
type Options struct {
	// Environment has the network. Required.
	Environment *environment.Environment
	// Host is where to listen. Defaults to 127.0.0.1.
	Host string
	Access
	Logger *slog.Logger

	// MaxBodyBytes bounds a message of the ingress. Defaults to 64 MiB.
	MaxBodyBytes int64
	// MaxBodiesBytes bounds the bodies over 64 KiB that the ingress holds at the same
	// time; over it clients are asked to try again. Defaults to 256 MiB, or four
	// bodies.
	MaxBodiesBytes int64
	Limits
}

func (o *Options) setDefaults() {
	o.Host = cmp.Or(o.Host, "127.0.0.1")
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, httpserver.MaxBodyBytes)
	o.MaxBodiesBytes = cmp.Or(o.MaxBodiesBytes, httpserver.MaxBodiesBytes(o.MaxBodyBytes))
	o.SetDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// front is the server of an ingress or egress.
type front struct {
	opts   Options
	name   string
	port   int
	server *httpserver.Server
}

func newFront(name string, port int, o Options) front {
	o.setDefaults()
	return front{opts: o, name: name, port: port, server: httpserver.New()}
}

func (f *front) start(ctx context.Context, serve func(http.ResponseWriter, *http.Request) error) error {
	o := httpserver.Options{
		Name: f.name, Environment: f.opts.Environment, Address: net.JoinHostPort(f.opts.Host, strconv.Itoa(f.port)),
		AddressFrom: "the port in the module file",
		Access:      f.opts.Access, Logger: f.opts.Logger, Limits: f.opts.Limits,
	}
	return f.server.Start(ctx, o, func(g *httpserver.Guard) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := g.CheckEffect(r)
			if err == nil {
				err = serve(w, r)
			}
			if err != nil {
				f.fail(w, r, err)
			}
		})
	})
}

func (f *front) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := httpserver.AnswerTo(r, err)
	if p.Status == http.StatusInternalServerError {
		f.opts.Logger.Warn("a request failed", "server", f.name, "method", r.Method, "error", err)
	}
	p.Write(w)
}

// Failed delivers the reason when the server cannot go on.
func (f *front) Failed() <-chan error { return f.server.Failed() }

// Addr is where the server listens, nil before Start.
func (f *front) Addr() net.Addr { return f.server.Addr() }

// URL is Addr with the scheme, without a path; empty before Start.
func (f *front) URL() string { return f.server.URL() }

// Close takes no new requests and waits for those that are being served. When
// ctx ends, those that still wait are answered 503, and what is left of them
// after a moment is cut off. It may be called twice, and before Start. Call it
// before the engine's Close.
func (f *front) Close(ctx context.Context) error { return f.server.Close(ctx) }
