package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence"
)

// Problem is an error that is an answer.
type Problem struct { //nolint:errname // it is an answer first
	Status int
	// Text is what the client is told: what was expected and what was found.
	Text          string
	header, value string // one more header, if any
}

// Error implements error.
func (p *Problem) Error() string { return p.Text }

// With adds a header to the answer.
func (p *Problem) With(header, value string) *Problem {
	p.header, p.value = header, value
	return p
}

// Write answers with it, as JSON: {"error": "…"}.
func (p *Problem) Write(w http.ResponseWriter) {
	header := w.Header()
	if p.header != "" {
		header.Set(p.header, p.value)
	}
	header["Content-Type"] = ContentTypeJSON
	w.WriteHeader(p.Status)
	body := jsonview.AppendString([]byte(`{"error":`), p.Text)
	_, _ = w.Write(append(body, '}', '\n')) // if the client is gone, nobody is left to tell
}

// ContentTypeJSON is a header's value, not to be changed.
var ContentTypeJSON = []string{"application/json"}

// Refuse makes a Problem.
func Refuse(status int, format string, args ...any) *Problem {
	return &Problem{Status: status, Text: fmt.Sprintf(format, args...)}
}

// NotAllowed refuses a request's method; allowed lists the others, as in Allow.
func NotAllowed(r *http.Request, allowed string) *Problem {
	return Refuse(http.StatusMethodNotAllowed, "%s is not allowed here, expected %s", r.Method, allowed).With("Allow", allowed)
}

// ErrStopping is why requests end when the server does not wait any longer.
var ErrStopping = errors.New("the node is stopping")

// What a node asks for, in seconds: an overloaded one has room soon, a full disk
// needs somebody to make some.
const (
	retryAfter     = "1"
	retryAfterFull = "5"
)

// AnswerTo makes an answer of any error: itself if it is a Problem.
func AnswerTo(r *http.Request, err error) *Problem {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, actors.ErrUnknownFunction), errors.Is(err, actors.ErrNoState), errors.Is(err, actors.ErrNotQuarantined):
		return Refuse(http.StatusNotFound, "%v", err)
	case errors.Is(err, actors.ErrTooLarge):
		return Refuse(http.StatusRequestEntityTooLarge, "%v", err)
	case errors.Is(err, actors.ErrDiskFull): // clients and balancers know 503 better than 507
		return Refuse(http.StatusServiceUnavailable, "%v: nothing was accepted; try again later", err).With("Retry-After", retryAfterFull)
	case errors.Is(err, actors.ErrOverloaded):
		return Refuse(http.StatusTooManyRequests, "%v: too much waits to be written; try again later", err).With("Retry-After", retryAfter)
	case errors.Is(err, actors.ErrClosed), errors.Is(err, persistence.ErrStopped), errors.Is(context.Cause(r.Context()), ErrStopping):
		return Refuse(http.StatusServiceUnavailable, "%v; it may or may not have done this: ask again, with the same Idempotency-Key if there was one", ErrStopping)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Refuse(http.StatusGatewayTimeout, "not done in time; it may still be: ask again, with the same Idempotency-Key if there was one")
	}
	return Refuse(http.StatusInternalServerError, "%v", err)
}

// CheckAnswer returns the error that an answer of the node stands for, if it does.
func CheckAnswer(a actors.Answer, err error) error {
	switch {
	case err != nil:
		return err
	case a.Conflict:
		return Refuse(http.StatusUnprocessableEntity, "the Idempotency-Key was used before with another body, type or query: use a new key for a new message")
	case a.Failure != "":
		return Refuse(http.StatusInternalServerError, "the message was quarantined: %s", a.Failure)
	}
	return nil
}
