package http

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Access says who is let in. On a loopback address nothing has to be set.
type Access = httpserver.Access

// Limits bound what a client may take.
type Limits = httpserver.Limits

// Options configure a server.
type Options struct {
	// Node is what the server lets in to. Required.
	Node Node
	// Environment has the network. Required.
	Environment *environment.Environment
	// Address is HOST:PORT; port 0 takes a free one. Defaults to 127.0.0.1:8080.
	Address string
	Access
	Logger *slog.Logger

	// Ready reports why the node is not ready, for /readyz. Defaults to always
	// ready.
	Ready func() error
	// Name of the application: the label job_name of StateFun's metrics.
	Name string
	// Bound is shown by /io.statefun/status.
	Bound []Bound
	// About is shown by /io.statefun/status as "node".
	About any
	// Types are those whose values are shown as JSON, besides the built-in types,
	// JSON objects and arrays, and declared states.
	Types []jsonview.Type

	// MaxBodyBytes bounds a message. Defaults to 64 MiB.
	MaxBodyBytes int64
	// MaxBodiesBytes bounds the bodies over 64 KiB that are held at the same time;
	// over it clients are asked to try again. Defaults to 256 MiB, or four bodies.
	MaxBodiesBytes int64
	// CallTimeout is how long a call waits for its reply unless it says how long.
	// Defaults to 30 s.
	CallTimeout time.Duration
	// MaxCallTimeout is the longest that a call may ask for. Defaults to 10 min.
	MaxCallTimeout time.Duration
	Limits
}

func (o *Options) validate() error {
	o.Address = cmp.Or(o.Address, "127.0.0.1:8080")
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, httpserver.MaxBodyBytes)
	o.MaxBodiesBytes = cmp.Or(o.MaxBodiesBytes, httpserver.MaxBodiesBytes(o.MaxBodyBytes))
	o.CallTimeout = cmp.Or(o.CallTimeout, 30*time.Second)
	o.MaxCallTimeout = cmp.Or(o.MaxCallTimeout, 10*time.Minute)
	o.SetDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxBodyBytes < 0 || o.MaxBodiesBytes < o.MaxBodyBytes {
		return fmt.Errorf("MaxBodyBytes: %d, MaxBodiesBytes: %d: expected 0 or more, and no less", o.MaxBodyBytes, o.MaxBodiesBytes)
	}
	if o.MaxCallTimeout < o.CallTimeout {
		return fmt.Errorf("MaxCallTimeout: %v is less than the CallTimeout, %v", o.MaxCallTimeout, o.CallTimeout)
	}
	return nil
}

// Server is the node's HTTP door. Its methods are safe for concurrent use.
type Server struct {
	opts   Options
	server *httpserver.Server
}

// New makes a server that does nothing before Start.
func New(o Options) *Server { return &Server{opts: o, server: httpserver.New()} }

// Start listens, and serves in the background until Close. It refuses an address
// that others can reach unless Access says how it is protected. Start may be
// called once.
func (s *Server) Start(ctx context.Context) error {
	o := s.opts
	if err := o.validate(); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return s.server.Start(ctx, httpserver.Options{
		Name: "http", Environment: o.Environment, Address: o.Address, AddressFrom: "--http",
		Access: o.Access, Logger: o.Logger, Limits: o.Limits, Plain: isSend,
	}, func(g *httpserver.Guard) http.Handler { return newHandler(&o, g) })
}

func newHandler(o *Options, g *httpserver.Guard) *handler {
	types := jsonview.New(o.Types...)
	waiting := &backlogs{meter: o.Node}
	h := &handler{
		guard:  g,
		sender: sender{ingress: o.Node, types: types, callTimeout: o.CallTimeout, maxCallTimeout: o.MaxCallTimeout, writeTimeout: o.WriteTimeout},
		viewer: viewer{states: o.Node, types: types, writeTimeout: o.WriteTimeout},
		admin:  admin{quarantine: o.Node, purger: o.Node, meter: o.Node, backlogs: waiting, types: types, about: o.About, bound: o.Bound, writeTimeout: o.WriteTimeout},
		ready:  o.Ready,
		logger: o.Logger,
	}
	h.sender.bodies.Limit, h.sender.bodies.Room = o.MaxBodyBytes, o.MaxBodiesBytes
	h.metrics = metricsHandler(o.Node, waiting, o.Name, &h.responses)
	return h
}

// Failed delivers the reason when the server cannot go on.
func (s *Server) Failed() <-chan error { return s.server.Failed() }

// Addr is where the server listens, nil before Start.
func (s *Server) Addr() net.Addr { return s.server.Addr() }

// URL is Addr with the scheme, without a path; empty before Start.
func (s *Server) URL() string { return s.server.URL() }

// Close takes no new requests and waits for those that are being served. When
// ctx ends, those that still wait are answered 503, and what is left of them
// after a moment is cut off. It may be called twice, and before Start.
func (s *Server) Close(ctx context.Context) error { return s.server.Close(ctx) }
