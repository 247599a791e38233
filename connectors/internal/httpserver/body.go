package httpserver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// Bodies reads requests into memory. What it returns is the caller's for good: a
// message keeps it. It is safe for concurrent use.
type Bodies struct {
	Limit int64 // of one, in bytes
	Room  int64 // for all large ones together
	taken atomic.Int64
}

// firstRead is what a body gets at once. More it gets as it arrives, so that a
// Content-Length alone takes no memory.
const firstRead = 64 << 10

// Read returns the body of a request. done is called when it is no longer held
// here, also after an error.
func (b *Bodies) Read(r *http.Request) (body []byte, done func(), err error) {
	n := r.ContentLength
	switch {
	case n == 0:
		return nil, nothing, nil
	case n > b.Limit:
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
func (b *Bodies) readLarge(r *http.Request) ([]byte, func(), error) {
	end := r.ContentLength
	if end < 0 {
		end = b.Limit + 1 // one more, to see that it is too large
	}
	body, held := make([]byte, 0, min(firstRead, end)), int64(0)
	done := func() { b.taken.Add(-held) }
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > b.Limit:
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
		if b.taken.Add(grow) > b.Room {
			return nil, done, Refuse(http.StatusTooManyRequests, "too many large requests at once; try again later").With("Retry-After", retryAfter)
		}
		body = append(make([]byte, 0, int64(cap(body))+grow), body...)
	}
}

func (b *Bodies) tooLarge() error {
	return Refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", b.Limit)
}

func incomplete(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Refuse(http.StatusRequestTimeout, "the body did not arrive in time")
	}
	return Refuse(http.StatusBadRequest, "the body is incomplete: %v", err)
}

// MaxBodyBytes is the default of the largest body.
const MaxBodyBytes = 64 << 20

// MaxBodiesBytes is the default of the room for large bodies of up to limit bytes.
func MaxBodiesBytes(limit int64) int64 { return max(256<<20, 4*limit) }
