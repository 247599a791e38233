package httpserver

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

	"github.com/statefun-go/statefun/connectors/internal/openfiles"
	"github.com/statefun-go/statefun/connectors/internal/plainhttp"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Options configure a server.
type Options struct {
	// Name tells what is served: it begins errors. Required.
	Name string
	// Environment has the network. Required.
	Environment *environment.Environment
	// Address is HOST:PORT; port 0 takes a free one. Required.
	Address string
	// AddressFrom tells where another address is set, for when this one is taken.
	AddressFrom string
	Access
	Logger *slog.Logger
	Limits
	// Plain reports whether requests with a path may be served by plainhttp, of whose
	// handler it says what is expected. Defaults to none.
	Plain func(path string) bool
}

// Limits bound what a client may take.
type Limits struct {
	// MaxHeaderBytes bounds the first line and the headers of a request. Defaults to
	// 1 MiB; an id of 64 KiB may take 192 KiB.
	MaxHeaderBytes int
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

// SetDefaults fills in what is zero.
func (l *Limits) SetDefaults() {
	l.MaxHeaderBytes = cmp.Or(l.MaxHeaderBytes, 1<<20)
	l.ReadHeaderTimeout = cmp.Or(l.ReadHeaderTimeout, 10*time.Second)
	l.ReadTimeout = cmp.Or(l.ReadTimeout, time.Minute)
	l.WriteTimeout = cmp.Or(l.WriteTimeout, time.Minute)
	l.IdleTimeout = cmp.Or(l.IdleTimeout, 2*time.Minute)
}

// HTTPServer is one with the limits, that does nothing yet.
func (l *Limits) HTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		MaxHeaderBytes:    l.MaxHeaderBytes,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout:       l.ReadTimeout,
		// Counted from the headers on; what may take longer sets its own.
		WriteTimeout: l.ReadTimeout + l.WriteTimeout,
		IdleTimeout:  l.IdleTimeout,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelInfo),
	}
}

// Server serves one address. Its methods are safe for concurrent use.
type Server struct {
	failed chan error

	lock     sync.Mutex
	server   *http.Server        // nil: not started
	plain    *plainhttp.Listener // nil: none
	listener net.Listener
	stop     context.CancelCauseFunc // ends what still waits
	served   chan struct{}
	tls      bool
}

// New makes a server that does nothing before Start.
func New() *Server { return &Server{failed: make(chan error, 1)} }

// Start listens, and serves in the background until Close. It refuses an address
// that others can reach unless Access says how it is protected. The handler asks
// the guard about every request. Start may be called once.
func (s *Server) Start(ctx context.Context, o Options, handler func(*Guard) http.Handler) error {
	o.SetDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.start(ctx, &o, handler); err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	return nil
}

func (s *Server) start(ctx context.Context, o *Options, handler func(*Guard) http.Handler) error {
	if s.server != nil {
		return errors.New("the server was started before")
	}
	if err := o.Access.Check(o.Address); err != nil {
		return err
	}
	g, err := NewGuard(&o.Access)
	if err != nil {
		return err
	}
	config, err := o.Access.tlsConfig()
	if err != nil {
		return err
	}
	l, err := listen(ctx, o)
	if err != nil {
		return err
	}
	l = openfiles.Listen(l, openfiles.Incoming())
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop, s.served, s.tls = stop, make(chan struct{}), config != nil
	s.server = o.HTTPServer(handler(g), o.Logger)
	if o.Plain != nil && !s.tls {
		s.plain = plainhttp.Listen(l, plainhttp.Options{
			Handler: s.server.Handler, Takes: o.Plain, Context: base, Logger: o.Logger,
			FirstTimeout: o.ReadHeaderTimeout, IdleTimeout: o.IdleTimeout, AnswerTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		})
		l = s.plain
	}
	s.listener = l
	s.server.TLSConfig = config
	s.server.BaseContext = func(net.Listener) context.Context { return base }
	o.Environment.Dispatcher.Go(o.Name, func() { s.serve(o.Name) })
	return nil
}

func listen(ctx context.Context, o *Options) (net.Listener, error) {
	l, err := o.Environment.Transport.Listen(ctx, "tcp", o.Address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: is another node running? Choose another address with %s", err, o.AddressFrom)
	case err != nil:
		return nil, err
	}
	// A name may be something else than it says.
	if err := o.Access.Check(l.Addr().String()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serve runs until the server is closed.
func (s *Server) serve(name string) {
	defer close(s.served)
	var err error
	if s.tls {
		err = s.server.ServeTLS(s.listener, "", "")
	} else {
		err = s.server.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("%s: %w", name, err)
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
	err := s.shutdown(ctx)
	s.stop(ErrStopping)
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceAtClose)
		defer cancel()
		if err = s.shutdown(last); err != nil {
			err = s.abort()
		}
	}
	<-s.served
	return err
}

// shutdown waits for what is being served.
func (s *Server) shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if s.plain != nil {
		err = errors.Join(err, s.plain.Wait(ctx))
	}
	return err
}

// abort does not.
func (s *Server) abort() error {
	err := s.server.Close()
	if s.plain != nil {
		err = errors.Join(err, s.plain.Abort())
	}
	return err
}
