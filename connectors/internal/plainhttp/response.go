package plainhttp

import (
	"bytes"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// response is an answer, until it is written.
type response struct {
	header http.Header
	status int // 0: not said
	body   bytes.Buffer
	out    bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *response) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// bytes are the answer as it is sent; they are overwritten by the next.
func (r *response) bytes(date string, last bool) []byte {
	r.WriteHeader(http.StatusOK) // unless it has said otherwise
	r.out.Reset()
	r.out.WriteString("HTTP/1.1 ")
	r.out.WriteString(strconv.Itoa(r.status))
	r.out.WriteByte(' ')
	r.out.WriteString(http.StatusText(r.status))
	r.out.WriteString("\r\n")
	if len(r.header) > 0 {
		_ = r.header.Write(&r.out) // a buffer takes it
	}
	r.out.WriteString("Date: ")
	r.out.WriteString(date)
	if last {
		r.out.WriteString("\r\nConnection: close")
	}
	if r.status != http.StatusNoContent && r.status != http.StatusNotModified {
		r.out.WriteString("\r\nContent-Length: ")
		r.out.WriteString(strconv.Itoa(r.body.Len()))
	}
	r.out.WriteString("\r\n\r\n")
	r.out.Write(r.body.Bytes())
	return r.out.Bytes()
}

// reset prepares for the next; what a large answer took is given back.
func (r *response) reset() {
	clear(r.header)
	r.status = 0
	if r.body.Cap() > bufferBytes {
		r.body, r.out = bytes.Buffer{}, bytes.Buffer{}
	}
	r.body.Reset()
}

// dates makes the text of a Date once a second.
type dates struct{ last atomic.Pointer[date] }

type date struct {
	second int64
	text   string
}

func (d *dates) at(t time.Time) string {
	second := t.Unix()
	if last := d.last.Load(); last != nil && last.second == second {
		return last.text
	}
	text := t.UTC().Format(http.TimeFormat)
	d.last.Store(&date{second, text})
	return text
}
