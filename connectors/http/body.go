package http

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// bodies reads requests into memory. What it returns is the caller's for good: a
// message keeps it.
type bodies struct {
	limit int64 // of one
	room  int64 // for all large ones together
	taken atomic.Int64
}

// firstRead is what a body gets at once. More it gets as it arrives, so that a
// Content-Length alone takes no memory.
const firstRead = 64 << 10

// read returns the body of a request. done is called when it is no longer held
// here, also after an error.
func (b *bodies) read(r *http.Request) (body []byte, done func(), err error) {
	n := r.ContentLength
	switch {
	case n == 0:
		return nil, nothing, nil
	case n > b.limit:
		return nil, nothing, b.tooLarge()
	case n < 0 || n > firstRead:
		return b.readLarge(r)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, nothing, incomplete(err)
	}
	return body, nothing, nil
}

func nothing() {}

// readLarge grows the body as it comes.
func (b *bodies) readLarge(r *http.Request) ([]byte, func(), error) {
	end := r.ContentLength
	if end < 0 {
		end = b.limit + 1 // one more, to see that it is too large
	}
	body, held := make([]byte, 0, min(firstRead, end)), int64(0)
	done := func() { b.taken.Add(-held) }
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > b.limit:
			return nil, done, b.tooLarge()
		case errors.Is(err, io.EOF), int64(len(body)) == r.ContentLength:
			return body, done, nil
		case err != nil:
			return nil, done, incomplete(err)
		case len(body) < cap(body):
			continue
		}
		grow := min(int64(cap(body)), max(1, end-int64(cap(body))))
		held += grow
		if b.taken.Add(grow) > b.room {
			return nil, done, refuse(http.StatusTooManyRequests, "too many large requests at once; try again later").with("Retry-After", retryAfter)
		}
		body = append(make([]byte, 0, int64(cap(body))+grow), body...)
	}
}

func (b *bodies) tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", b.limit)
}

func incomplete(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(http.StatusRequestTimeout, "the body did not arrive in time")
	}
	return refuse(http.StatusBadRequest, "the body is incomplete: %v", err)
}
