package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// DefaultMaxRequestBytes is the default of [Options.MaxRequestBytes].
const DefaultMaxRequestBytes = 32 << 20

// Options change how functions are served. The zero Options are good.
type Options struct {
	// Logger gets what functions log, and why invocations failed. Defaults to
	// slog.Default().
	Logger *slog.Logger
	// MaxRequestBytes is the largest request: a batch of messages, with the state of
	// their address. A larger one is answered with 413. Defaults to
	// DefaultMaxRequestBytes.
	MaxRequestBytes int64
	// Count is told of Context.Count, also by invocations that fail later. It must be
	// safe for concurrent use. Defaults to a function that does nothing.
	Count func(function functions.TypeName, name string, delta int64)
}

// Handler serves functions. It is safe for concurrent use.
//
// As the official SDK for Go does, it answers 405 to anything but a POST, 415 to a
// Content-Type that is neither missing nor application/octet-stream, 400 to an empty
// body, and 500 with a text to everything else that fails.
type Handler struct {
	options   Options
	functions map[functions.TypeName]*function
	readers   sync.Pool // of *reader
}

var _ http.Handler = (*Handler)(nil)

// reader is what it takes to decode a request, for use again and again.
type reader struct {
	decoder protocol.Decoder
	request protocol.ToFunction
}

// NewHandler makes a handler for functions, at least one. The error names
// everything that is wrong with them.
func NewHandler(o Options, fns ...functions.Function) (*Handler, error) {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.MaxRequestBytes = cmp.Or(o.MaxRequestBytes, DefaultMaxRequestBytes)
	if o.Count == nil {
		o.Count = func(functions.TypeName, string, int64) {}
	}
	h := &Handler{options: o, functions: map[functions.TypeName]*function{}}
	h.readers.New = func() any { return new(reader) }
	var errs []error
	if o.MaxRequestBytes < 0 {
		errs = append(errs, fmt.Errorf("remote: MaxRequestBytes: %d is negative", o.MaxRequestBytes))
	}
	if len(fns) == 0 {
		errs = append(errs, errors.New("remote: there is no function to serve"))
	}
	for i := range fns {
		fn, err := newFunction(&fns[i])
		switch {
		case err != nil:
			errs = append(errs, err)
		case h.functions[fn.Type] != nil:
			errs = append(errs, fmt.Errorf("remote: two functions are named %q", fn.Type))
		default:
			h.functions[fn.Type] = fn
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, refusal := h.read(w, r)
	if refusal != nil {
		if refusal.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, refusal.text, refusal.status)
		return
	}
	returned := false
	defer func() {
		if !returned { // a function ended the goroutine, and with it the connection
			h.fail(w, errGoexit)
			_ = http.NewResponseController(w).Flush() // or nobody hears of it
		}
	}()
	response, err := h.Invoke(r.Context(), body)
	returned = true
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", protocol.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(response)))
	_, _ = w.Write(response) // a client that is gone asks again
}

// Invoke is ServeHTTP without HTTP, for other ways of carrying the same bytes, such
// as AWS Lambda: it takes a ToFunction, which it keeps, and returns a FromFunction.
// A failure is logged here.
func (h *Handler) Invoke(ctx context.Context, request []byte) ([]byte, error) {
	reader := h.readers.Get().(*reader)
	b, err := h.decode(reader, request)
	reader.request.Reset()
	h.readers.Put(reader)
	if err != nil {
		h.options.Logger.WarnContext(ctx, "a request could not be read", "error", err)
		return nil, err
	}
	return b.run(ctx)
}

// decode makes a batch of a request.
func (h *Handler) decode(r *reader, request []byte) (*batch, error) {
	if err := r.decoder.ToFunction(request, &r.request); err != nil {
		return nil, err
	}
	asked := &r.request.Invocation
	if !asked.Present {
		return nil, errors.New("remote: the request has no invocation")
	}
	if err := asked.Target.Validate(); err != nil {
		return nil, fmt.Errorf("remote: target: %w", err)
	}
	fn := h.functions[asked.Target.Type]
	if fn == nil {
		return nil, fmt.Errorf("remote: unknown function type %s: here are %q", asked.Target.Type,
			slices.Sorted(maps.Keys(h.functions)))
	}
	return newBatch(h, fn, asked)
}

// refusal is the answer to a request that is none.
type refusal struct {
	status int
	text   string
}

// firstRead is what a body gets at once. More it gets as it arrives, so that a
// Content-Length alone takes no memory.
const firstRead = 64 << 10

// read returns the body, which belongs to the functions for good.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.Method != http.MethodPost {
		return nil, &refusal{http.StatusMethodNotAllowed, "invalid request method " + r.Method + ", expected POST"}
	}
	if t := r.Header.Get("Content-Type"); t != "" && t != protocol.ContentType {
		return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("invalid content type %q, expected %s", t, protocol.ContentType)}
	}
	tooLarge := &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d bytes", h.options.MaxRequestBytes)}
	if r.ContentLength > h.options.MaxRequestBytes {
		return nil, tooLarge
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), firstRead)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, h.options.MaxRequestBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "the request is incomplete: " + err.Error()}
	}
	if body.Len() == 0 {
		return nil, &refusal{http.StatusBadRequest, "empty request body"}
	}
	return body.Bytes(), nil
}
