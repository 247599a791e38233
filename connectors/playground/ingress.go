package playground

import (
	"context"
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// Receiver takes messages. Its methods return once the message is durable.
// *actors.Engine is one. It is safe for concurrent use.
type Receiver interface {
	Send(ctx context.Context, to functions.Address, m functions.Message) error
	SendOnce(ctx context.Context, key string, to functions.Address, m functions.Message) (actors.Answer, error)
}

// Ingress takes messages over HTTP. Its methods are safe for concurrent use.
type Ingress struct {
	front
	receiver Receiver
	bodies   httpserver.Bodies
}

// NewIngress makes an ingress that does nothing before Start.
func NewIngress(spec *module.PlaygroundIngress, o Options) *Ingress {
	in := &Ingress{front: newFront("playground ingress", spec.Port, o)}
	in.bodies.Limit, in.bodies.Room = in.opts.MaxBodyBytes, in.opts.MaxBodiesBytes
	return in
}

// Start listens, and serves in the background until Close. It may be called once.
func (in *Ingress) Start(ctx context.Context, r Receiver) error {
	in.receiver = r
	return in.start(ctx, in.serve)
}

func (in *Ingress) serve(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return httpserver.NotAllowed(r, "PUT, POST, PATCH")
	}
	if r.URL.RawQuery != "" {
		return httpserver.Refuse(http.StatusBadRequest, "parameters %q, expected none: calls go to the node's own address (--http)", httpserver.Clip(r.URL.RawQuery))
	}
	to, err := readAddress(httpserver.EscapedPath(r))
	if err != nil {
		return err
	}
	t, err := messageType(r.Header)
	if err != nil {
		return err
	}
	key, err := httpserver.IdempotencyKey(r.Header)
	if err != nil {
		return err
	}
	body, done, err := in.bodies.Read(r)
	defer done()
	if err != nil {
		return err
	}
	if err := in.send(r.Context(), key, to, functions.Message{Type: t, Value: body}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (in *Ingress) send(ctx context.Context, key string, to functions.Address, m functions.Message) error {
	if key == "" {
		return in.receiver.Send(ctx, to, m)
	}
	return httpserver.CheckAnswer(in.receiver.SendOnce(ctx, key, to, m))
}

// readAddress reads an escaped path /<namespace>/<function>/<id>.
func readAddress(path string) (functions.Address, error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) != 3 || parts[2] == "" {
		return functions.Address{}, badPath("found %q", httpserver.Clip(path))
	}
	for i := range parts {
		var err error
		if parts[i], err = httpserver.Decode(parts[i]); err != nil {
			return functions.Address{}, err
		}
	}
	t, err := functions.ParseTypeName(parts[0] + "/" + parts[1])
	if err != nil {
		return functions.Address{}, badPath("%v", err)
	}
	a := functions.Address{Type: t, ID: parts[2]}
	if err := a.Validate(); err != nil {
		return functions.Address{}, badPath("%v", err)
	}
	return a, nil
}

func badPath(format string, args ...any) error {
	return httpserver.Refuse(http.StatusBadRequest, "path: expected /<namespace>/<function>/<id>, "+format, args...)
}

func messageType(header http.Header) (functions.TypeName, error) {
	value, err := httpserver.ContentType(header)
	if err != nil {
		return "", err
	}
	if name, ok := httpserver.CutMediaPrefix(value); ok {
		return httpserver.ValueType(name)
	}
	return functions.String.Name(), nil // the bytes are not those of a string, as in StateFun
}
