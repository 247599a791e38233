package scoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server serves a Service on a port of its own.
type Server struct {
	address string
	http    *http.Server
	stop    context.CancelFunc // ends the requests that wait
	served  chan struct{}      // closed when the server has ended; nil before Start
}

// NewServer makes a server for the address "host:port". It defaults to
// "127.0.0.1:0": any free port, reachable from this machine only.
func NewServer(address string, service *Service) *Server {
	ctx, stop := context.WithCancel(context.Background())
	return &Server{
		address: cmp.Or(address, "127.0.0.1:0"),
		stop:    stop,
		http: &http.Server{
			Handler:           service,
			ReadHeaderTimeout: 5 * time.Second,
			BaseContext:       func(net.Listener) context.Context { return ctx },
		},
	}
}

// Start listens, and serves in the background until Close.
func (s *Server) Start(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	s.address = listener.Addr().String()
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // ends when closed
	}()
	return nil
}

// URL is the base URL of the service, once it is started.
func (s *Server) URL() string { return "http://" + s.address }

// Close ends the requests that are under way, and waits until they have. It may
// be called twice, and before Start.
func (s *Server) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // a client that connected and says nothing
	}
	if s.served != nil {
		<-s.served
	}
	return err
}
