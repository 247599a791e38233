package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/examples/cart/shop"
	"github.com/statefun-go/statefun/functions/remote"
)

// functionServer serves the functions of the shop. It could be another process, on
// another machine: it keeps nothing between requests.
type functionServer struct {
	http.Server

	url    string
	served chan struct{}
}

// serve starts a server, and binds the module that says where it is.
func serve(app *statefun.App, o options) (*functionServer, error) {
	handler, err := remote.NewHandler(remote.Options{Logger: app.Config.Logger}, shop.New(shop.Config{HoldFor: o.holdFor})...)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", o.serve)
	if err != nil {
		return nil, fmt.Errorf("--serve: %w", err)
	}
	s := &functionServer{url: "http://" + l.Addr().String() + "/statefun", served: make(chan struct{})}
	s.Handler, s.ReadHeaderTimeout = handler, 10*time.Second
	m, _, err := module.Load([]string{o.module}, module.Options{LookupEnv: func(name string) (string, bool) {
		return s.url, name == "SHOP_URL"
	}})
	if err != nil {
		_ = l.Close() // nobody has connected
		return nil, err
	}
	app.Bind(m)
	go func() {
		defer close(s.served)
		_ = s.Serve(l) // it says that it was closed
	}()
	return s, nil
}

// Close ends the server.
func (s *functionServer) Close() error {
	err := s.Server.Close()
	<-s.served
	return err
}
