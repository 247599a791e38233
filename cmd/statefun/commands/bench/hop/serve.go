package hop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Path is where the functions are on a server of this package.
const Path = "/statefun"

// Serve serves the handler on a free port of loopback, and writes the URL of the
// functions as a line to out. It returns when ctx ends, or when nothing more comes from
// in: whoever started the process is gone then. The requests under way are answered.
func Serve(ctx context.Context, in io.Reader, out io.Writer, handler http.Handler) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(Path, handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends however it likes
		close(gone)
	}()
	if _, err = fmt.Fprintf(out, "http://%s%s\n", l.Addr(), Path); err == nil {
		select {
		case <-ctx.Done():
		case <-gone:
		case err = <-served:
			return err
		}
	}
	const drain = 5 * time.Second
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ending))
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
