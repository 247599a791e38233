package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence"
)

// problem is an error that is an answer.
type problem struct {
	status        int
	text          string
	header, value string // one more header, if any
}

func (p *problem) Error() string { return p.text }

func (p *problem) with(header, value string) *problem {
	p.header, p.value = header, value
	return p
}

func refuse(status int, format string, args ...any) *problem {
	return &problem{status: status, text: fmt.Sprintf(format, args...)}
}

func notAllowed(r *http.Request, allowed string) *problem {
	return refuse(http.StatusMethodNotAllowed, "%s is not allowed here, expected %s", r.Method, allowed).with("Allow", allowed)
}

// errStopping is why requests end when the server does not wait any longer.
var errStopping = errors.New("the node is stopping")

// What a node asks for, in seconds: an overloaded one has room soon, a full disk
// needs somebody to make some.
const (
	retryAfter     = "1"
	retryAfterFull = "5"
)

// answerTo makes an answer of any error.
func answerTo(r *http.Request, err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, actors.ErrUnknownFunction), errors.Is(err, actors.ErrNoState), errors.Is(err, actors.ErrNotQuarantined):
		return refuse(http.StatusNotFound, "%v", err)
	case errors.Is(err, actors.ErrDiskFull): // clients and balancers know 503 better than 507
		return refuse(http.StatusServiceUnavailable, "%v: nothing was accepted; try again later", err).with("Retry-After", retryAfterFull)
	case errors.Is(err, actors.ErrOverloaded):
		return refuse(http.StatusTooManyRequests, "%v: too much waits to be written; try again later", err).with("Retry-After", retryAfter)
	case errors.Is(err, actors.ErrClosed), errors.Is(err, persistence.ErrStopped), errors.Is(context.Cause(r.Context()), errStopping):
		return refuse(http.StatusServiceUnavailable, "%v; it may or may not have done this: ask again, with the same Idempotency-Key if there was one", errStopping)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusGatewayTimeout, "not done in time; it may still be: ask again, with the same Idempotency-Key if there was one")
	}
	return refuse(http.StatusInternalServerError, "%v", err)
}

// fail answers with an error.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := answerTo(r, err)
	if p.status == http.StatusInternalServerError {
		h.logger.Debug("request failed", "method", r.Method, "error", err)
	}
	h.responses.count(p.status)
	header := w.Header()
	if p.header != "" {
		header.Set(p.header, p.value)
	}
	header["Content-Type"] = contentTypeJSON
	w.WriteHeader(p.status)
	body := jsonview.AppendString([]byte(`{"error":`), p.text)
	_, _ = w.Write(append(body, '}', '\n')) // if the client is gone, nobody is left to tell
}
