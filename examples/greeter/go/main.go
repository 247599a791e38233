// Command go serves the greeter with this project's own package functions/remote.
package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/statefun-go/statefun/functions/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, net.JoinHostPort(cmp.Or(os.Getenv("HOST"), "127.0.0.1"), cmp.Or(os.Getenv("PORT"), "8000")))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "greeter:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string) error {
	handler, err := remote.NewHandler(remote.Options{}, person, greeter)
	if err != nil {
		return err
	}
	s := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- s.Close() })
	fmt.Println("serving example/person and example/greeter at http://" + address + "/statefun")
	if err := s.ListenAndServe(); stop() || err != http.ErrServerClosed {
		return err
	}
	return <-closed
}
