package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence/environment"
)

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
	// MaxHeaderBytes bounds the first line and the headers of a request. Defaults to
	// 1 MiB; an id of 64 KiB may take 192 KiB.
	MaxHeaderBytes int
	// CallTimeout is how long a call waits for its reply unless it says how long.
	// Defaults to 30 s.
	CallTimeout time.Duration
	// MaxCallTimeout is the longest that a call may ask for. Defaults to 10 min.
	MaxCallTimeout time.Duration
	// ReadHeaderTimeout is how long a request's headers may take. Defaults to 10 s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is how long a request may take until it is read and, unless it is
	// a call, durable. Defaults to 1 min.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to take (the next part of) an
	// answer. Defaults to 1 min.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may be unused. Defaults to 2 min.
	IdleTimeout time.Duration
}

func (o *Options) validate() error {
	o.Address = cmp.Or(o.Address, "127.0.0.1:8080")
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, 64<<20)
	o.MaxBodiesBytes = cmp.Or(o.MaxBodiesBytes, max(256<<20, 4*o.MaxBodyBytes))
	o.MaxHeaderBytes = cmp.Or(o.MaxHeaderBytes, 1<<20)
	o.CallTimeout = cmp.Or(o.CallTimeout, 30*time.Second)
	o.MaxCallTimeout = cmp.Or(o.MaxCallTimeout, 10*time.Minute)
	o.ReadHeaderTimeout = cmp.Or(o.ReadHeaderTimeout, 10*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, time.Minute)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, time.Minute)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 2*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxBodyBytes < 0 || o.MaxBodiesBytes < o.MaxBodyBytes {
		return fmt.Errorf("MaxBodyBytes: %d, MaxBodiesBytes: %d: expected 0 or more, and no less", o.MaxBodyBytes, o.MaxBodiesBytes)
	}
	if o.MaxCallTimeout < o.CallTimeout {
		return fmt.Errorf("MaxCallTimeout: %v is less than the CallTimeout, %v", o.MaxCallTimeout, o.CallTimeout)
	}
	return o.Access.check(o.Address)
}

// Server is the node's HTTP door. Its methods are safe for concurrent use.
type Server struct {
	opts   Options
	failed chan error

	lock     sync.Mutex
	server   *http.Server // nil: not started
	listener net.Listener
	stop     context.CancelCauseFunc // ends what still waits
	served   chan struct{}
	tls      bool
}

// New makes a server that does nothing before Start.
func New(o Options) *Server {
	return &Server{opts: o, failed: make(chan error, 1)}
}

// Start listens, and serves in the background until Close. It refuses an address
// that others can reach unless Access says how it is protected. Start may be
// called once.
func (s *Server) Start(ctx context.Context) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

func (s *Server) start(ctx context.Context) error {
	if s.server != nil {
		return errors.New("the server was started before")
	}
	if err := s.opts.validate(); err != nil {
		return err
	}
	g, err := newGuard(&s.opts.Access)
	if err != nil {
		return err
	}
	config, err := s.opts.Access.tlsConfig()
	if err != nil {
		return err
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s.listener, s.stop, s.served, s.tls = l, stop, make(chan struct{}), config != nil
	s.server = s.httpServer(newHandler(&s.opts, g))
	s.server.TLSConfig = config
	s.server.BaseContext = func(net.Listener) context.Context { return base }
	s.opts.Environment.Dispatcher.Go("http", s.serve)
	return nil
}

func newHandler(o *Options, g *guard) *handler {
	types := jsonview.New(o.Types...)
	h := &handler{
		guard:  g,
		sender: sender{ingress: o.Node, types: types, callTimeout: o.CallTimeout, maxCallTimeout: o.MaxCallTimeout, writeTimeout: o.WriteTimeout},
		viewer: viewer{states: o.Node, types: types, writeTimeout: o.WriteTimeout},
		admin:  admin{quarantine: o.Node, purger: o.Node, meter: o.Node, types: types, about: o.About, writeTimeout: o.WriteTimeout},
		ready:  o.Ready,
		logger: o.Logger,
	}
	h.sender.bodies.limit, h.sender.bodies.room = o.MaxBodyBytes, o.MaxBodiesBytes
	h.metrics = metricsHandler(o.Node, &h.responses)
	return h
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		MaxHeaderBytes:    s.opts.MaxHeaderBytes,
		ReadHeaderTimeout: s.opts.ReadHeaderTimeout,
		ReadTimeout:       s.opts.ReadTimeout,
		// Counted from the headers on; what may take longer sets its own.
		WriteTimeout: s.opts.ReadTimeout + s.opts.WriteTimeout,
		IdleTimeout:  s.opts.IdleTimeout,
		ErrorLog:     slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelInfo),
	}
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	l, err := s.opts.Environment.Transport.Listen(ctx, "tcp", s.opts.Address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: is another node running? Choose another address with --http", err)
	case err != nil:
		return nil, err
	}
	// A name may be something else than it says.
	if err := s.opts.Access.check(l.Addr().String()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serve runs until the server is closed.
func (s *Server) serve() {
	defer close(s.served)
	var err error
	if s.tls {
		err = s.server.ServeTLS(s.listener, "", "")
	} else {
		err = s.server.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("http: %w", err)
	}
}

// Failed delivers the reason when the server cannot go on.
func (s *Server) Failed() <-chan error { return s.failed }

// Addr is where the server listens, nil before Start.
func (s *Server) Addr() net.Addr {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// URL is Addr with the scheme, without a path; empty before Start.
func (s *Server) URL() string {
	a := s.Addr()
	switch {
	case a == nil:
		return ""
	case s.tls:
		return "https://" + a.String()
	}
	return "http://" + a.String()
}

// patienceAtClose is what requests get to answer that they were given up.
const patienceAtClose = time.Second

// Close takes no new requests and waits for those that are being served. When
// ctx ends, those that still wait are answered 503, and what is left of them
// after a moment is cut off. It may be called twice, and before Start.
func (s *Server) Close(ctx context.Context) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.server == nil {
		return nil
	}
	err := s.server.Shutdown(ctx)
	s.stop(errStopping)
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceAtClose)
		defer cancel()
		if err = s.server.Shutdown(last); err != nil {
			err = s.server.Close()
		}
	}
	<-s.served
	return err
}
