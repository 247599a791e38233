package http

import (
	"bufio"
	"errors"
	"net/http"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/functions"
)

// errSent says that something went wrong when an answer was under way already:
// there is nothing more to say to the client.
var errSent = errors.New("http: the answer was broken off")

// entries writes a list or a map as JSON, entry by entry.
type entries struct {
	view   *viewer
	shape  *shape
	header http.Header
	out    *bufio.Writer
	begun  bool
	buf    []byte
	err    error
}

func newEntries(w http.ResponseWriter, v *viewer, s *shape) *entries {
	return &entries{view: v, shape: s, header: w.Header(), out: bufio.NewWriterSize(newSlowWriter(w, v.writeTimeout), 32<<10)}
}

// next writes an entry. It reports false when the client takes no more.
func (e *entries) next(entry actors.StateEntry) bool {
	e.buf = append(e.buf[:0], ",\n"...)
	if !e.begun {
		e.buf = e.begin(e.buf[:0])
	}
	if e.shape.kind == functions.KindMap {
		e.buf = append(jsonview.AppendString(e.buf, entry.Key), ':')
	}
	e.buf = e.view.appendJSON(e.buf, e.shape, entry.Value)
	_, e.err = e.out.Write(e.buf)
	return e.err == nil
}

func (e *entries) begin(b []byte) []byte {
	e.begun = true
	e.header["Content-Type"] = httpserver.ContentTypeJSON
	return append(b, e.brackets()[0])
}

func (e *entries) brackets() string {
	if e.shape.kind == functions.KindMap {
		return "{}"
	}
	return "[]"
}

// failed returns the error to answer with. If entries are on their way already,
// they stay without an end, which tells that they are not all.
func (e *entries) failed(err error) error {
	if !e.begun {
		return err
	}
	_ = e.out.Flush() // the client may be gone
	return errSent
}

func (e *entries) end() error {
	if e.err != nil {
		return errSent
	}
	b := e.buf[:0]
	if !e.begun {
		b = e.begin(b)
	}
	_, _ = e.out.Write(append(b, e.brackets()[1], '\n')) // Flush tells
	if err := e.out.Flush(); err != nil {
		return errSent
	}
	return nil
}

// slowWriter gives each write its own time limit, so that a long answer may take
// long, but a client that takes nothing may not.
type slowWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

func newSlowWriter(w http.ResponseWriter, limit time.Duration) *slowWriter {
	return &slowWriter{w, http.NewResponseController(w), limit}
}

func (s *slowWriter) Write(p []byte) (int, error) {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}
