package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/functions"
)

// MaxKeyBytes is the longest Idempotency-Key.
const MaxKeyBytes = httpserver.MaxKeyBytes

// sender takes messages in.
type sender struct {
	ingress Ingress
	bodies  httpserver.Bodies
	types   *jsonview.Types

	callTimeout, maxCallTimeout time.Duration
	writeTimeout                time.Duration
}

// request is a message and what its sender wants.
type request struct {
	to      functions.Address
	message functions.Message
	key     string // empty: none
	call    bool
	timeout time.Duration
}

// serve handles PUT and POST of an address. It returns the status that it
// answered with.
func (s *sender) serve(w http.ResponseWriter, r *http.Request, typ, rest string) (int, error) {
	f, err := s.function(typ)
	if err != nil {
		return 0, err
	}
	q, isJSON, err := s.head(r, f, rest)
	if err != nil {
		return 0, err
	}
	body, done, err := s.bodies.Read(r)
	defer done()
	if err != nil {
		return 0, err
	}
	if isJSON && !json.Valid(body) {
		return 0, httpserver.Refuse(http.StatusBadRequest, "the body is not JSON, as its Content-Type says")
	}
	q.message.Value = body
	if q.call {
		return s.call(w, r, &q)
	}
	if err := s.send(r.Context(), &q); err != nil {
		return 0, err
	}
	w.WriteHeader(http.StatusAccepted)
	return http.StatusAccepted, nil
}

// function finds the function of the encoded name.
func (s *sender) function(escaped string) (*functions.Function, error) {
	name, err := httpserver.Decode(escaped)
	if err != nil {
		return nil, err
	}
	if f, ok := s.ingress.Function(functions.TypeName(name)); ok {
		return f, nil
	}
	t, err := parseType(name)
	if err != nil {
		return nil, err
	}
	return nil, unknownFunction(t)
}

func unknownFunction(t functions.TypeName) error {
	return httpserver.Refuse(http.StatusNotFound, "unknown function %s", t)
}

// head reads all but the body.
func (s *sender) head(r *http.Request, f *functions.Function, rest string) (q request, isJSON bool, err error) {
	if q.to, err = decodeAddress(f.Type, rest); err != nil {
		return q, false, err
	}
	if q.message.Type, isJSON, err = messageType(r.Header, f); err != nil {
		return q, false, err
	}
	if q.key, err = httpserver.IdempotencyKey(r.Header); err != nil {
		return q, false, err
	}
	q.call, q.timeout, err = s.query(r.URL.RawQuery)
	return q, isJSON, err
}

// query reads ?call&timeout=5s.
func (s *sender) query(raw string) (call bool, timeout time.Duration, err error) {
	switch raw {
	case "":
		return false, 0, nil
	case "call", "call=":
		return true, s.callTimeout, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return false, 0, httpserver.Refuse(http.StatusBadRequest, "malformed query: %v", err)
	}
	for name, all := range values {
		if (name != "call" && name != "timeout") || len(all) != 1 {
			return false, 0, httpserver.Refuse(http.StatusBadRequest, "parameter %q, expected call and timeout, each at most once", httpserver.Clip(name))
		}
	}
	if !values.Has("call") {
		return false, 0, httpserver.Refuse(http.StatusBadRequest, "timeout without call: only who waits for a reply needs one")
	}
	timeout, err = s.timeout(values)
	return true, timeout, err
}

func (s *sender) timeout(values url.Values) (time.Duration, error) {
	if !values.Has("timeout") {
		return s.callTimeout, nil
	}
	text := values.Get("timeout")
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > s.maxCallTimeout {
		return 0, httpserver.Refuse(http.StatusBadRequest, "timeout %q, expected a duration such as 5s or 500ms, at most %v", httpserver.Clip(text), s.maxCallTimeout)
	}
	return d, nil
}

func (s *sender) send(ctx context.Context, q *request) error {
	if q.key == "" {
		return s.ingress.Send(ctx, q.to, q.message)
	}
	a, err := s.ingress.SendOnce(ctx, q.key, q.to, q.message)
	return httpserver.CheckAnswer(a, err)
}

// call sends and answers with the reply.
func (s *sender) call(w http.ResponseWriter, r *http.Request, q *request) (int, error) {
	control := http.NewResponseController(w)
	// Reading is over: while we wait the connection may be silent.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), q.timeout)
	defer cancel()
	a, err := s.wait(ctx, q)
	if err := control.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return 0, err
	}
	if err := httpserver.CheckAnswer(a, err); err != nil {
		if errors.Is(err, actors.ErrNoReply) && errors.Is(err, context.DeadlineExceeded) {
			return 0, httpserver.Refuse(http.StatusGatewayTimeout, "no reply within %v; the message stays accepted", q.timeout)
		}
		return 0, err
	}
	s.reply(w, r, a.Message)
	return http.StatusOK, nil
}

func (s *sender) wait(ctx context.Context, q *request) (actors.Answer, error) {
	if q.key == "" {
		return s.ingress.Call(ctx, q.to, q.message)
	}
	return s.ingress.CallOnce(ctx, q.key, q.to, q.message)
}

func (s *sender) reply(w http.ResponseWriter, r *http.Request, m functions.Message) {
	if wantsJSON(r.Header) {
		if shown, ok := s.types.Append(nil, m.Type, m.Value); ok {
			w.Header()["Content-Type"] = httpserver.ContentTypeJSON
			_, _ = w.Write(shown)
			return
		}
	}
	httpserver.SetType(w.Header(), m.Type)
	_, _ = w.Write(m.Value)
}
