package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// limits of what a server may send.
type limits struct {
	head, body int
}

const (
	firstBuffer   = 4 << 10  // of a connection, for its whole life
	firstBody     = 64 << 10 // taken for a body at once; more as it arrives
	maxInterim    = 8        // responses 1xx before the one that counts
	maxChunkLine  = 256
	maxFailedBody = 16 << 10 // read of a failure's body, to keep the connection and to show it
)

// malformed is an error in what the server sent, not in how it arrived.
type malformed struct{ err error }

func (e malformed) Error() string { return e.err.Error() }
func (e malformed) Unwrap() error { return e.err }

// errHeadTooLarge is a head over its limit.
var errHeadTooLarge = fmt.Errorf("the head of the response is %w", errTooLarge)

// reader reads responses from a connection, one at a time.
type reader struct {
	src    io.Reader
	limits limits

	buf      []byte
	r, w     int  // buf[r:w] is not consumed
	received bool // of this response, anything
}

// next begins a response, on a connection where nothing is left of the last one.
func (r *reader) next() {
	r.r, r.w, r.received = 0, 0, false
	if len(r.buf) != firstBuffer {
		r.buf = make([]byte, firstBuffer)
	}
}

// rest reports whether more came than the response.
func (r *reader) rest() bool { return r.r != r.w }

// fill reads at least one byte more into the buffer, which grows up to limit
// bytes that are not consumed.
func (r *reader) fill(limit int) error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w == len(r.buf) {
		switch {
		case r.r > 0:
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		case len(r.buf) >= limit:
			return errHeadTooLarge
		default:
			r.buf = append(r.buf, make([]byte, min(len(r.buf), limit-len(r.buf)))...)
		}
	}
	n, err := r.read(r.buf[r.w:])
	r.w += n
	return err
}

// read reads past the buffer. It returns bytes or an error.
func (r *reader) read(p []byte) (int, error) {
	for range 100 {
		n, err := r.src.Read(p)
		if n > 0 {
			r.received = true
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// unexpected is the end of a connection where there should be more.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// head reads up to the head of the final response.
func (r *reader) head() (head, error) {
	for range maxInterim {
		b, err := r.upTo(headEnd, r.limits.head)
		if err != nil {
			return head{}, err
		}
		h, err := parseHead(b)
		if err != nil {
			return head{}, malformed{err}
		}
		if h.status == http.StatusSwitchingProtocols {
			return head{}, malformed{errors.New("101 Switching Protocols: nobody asked for it")}
		}
		if h.status >= 200 {
			return h, nil
		}
	}
	return head{}, malformed{fmt.Errorf("more than %d responses 1xx", maxInterim)}
}

// upTo consumes up to and with the delimiter. The result is good until the next read.
func (r *reader) upTo(delimiter []byte, limit int) ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.Index(r.buf[r.r+seen:r.w], delimiter); i >= 0 {
			end := seen + i + len(delimiter)
			if end > limit {
				return nil, errHeadTooLarge
			}
			b := r.buf[r.r : r.r+end]
			r.r += end
			return b, nil
		}
		if r.w-r.r >= limit {
			return nil, errHeadTooLarge
		}
		seen = max(0, r.w-r.r-len(delimiter)+1)
		if err := r.fill(limit); err != nil {
			return nil, unexpected(err)
		}
	}
}

// body reads the body that follows a head and appends it to buffer. A body over
// limit is errTooLarge. done says that the connection's next byte is of another response.
func (r *reader) body(h *head, buffer []byte, limit int) (body []byte, done bool, err error) {
	switch {
	case h.status == http.StatusNoContent || h.status == http.StatusNotModified || h.status == http.StatusResetContent:
		// They have none, whatever their headers say; 205 may have one of no bytes.
		return buffer, h.length <= 0 && !h.chunked, nil
	case h.chunked:
		body, err = r.chunks(buffer, limit)
		return body, err == nil, err
	case h.length > int64(limit):
		return nil, false, errTooLarge
	case h.length >= 0:
		body, err = r.take(buffer, int(h.length))
		return body, err == nil, unexpected(err)
	}
	body, err = r.untilEnd(buffer, limit)
	return body, false, err
}

// success reads a body that is to be handed on, and decompresses it.
func (r *reader) success(h *head, buffer []byte) (body []byte, done bool, err error) {
	limit := r.limits.body
	switch h.coding {
	case identity:
		return r.body(h, buffer, limit)
	case otherCoding:
		return nil, false, malformed{fmt.Errorf("Content-Encoding: expected gzip or deflate, found %q", h.unknownCoding)}
	case gzipped, deflated:
	}
	packed, done, err := r.body(h, nil, limit)
	if err != nil || len(packed) == 0 {
		return buffer, done, err
	}
	body, err = decode(packed, h.coding, buffer, limit)
	if err != nil && !errors.Is(err, errTooLarge) {
		err = malformed{err}
	}
	return body, done, err
}

// take appends n bytes. The buffer grows as they arrive, so that an announcement
// alone takes no memory.
func (r *reader) take(buffer []byte, n int) ([]byte, error) {
	held := min(n, r.w-r.r)
	buffer = slices.Grow(buffer, min(n, max(held, firstBody)))
	buffer = append(buffer, r.buf[r.r:r.r+held]...)
	r.r += held
	for n -= held; n > 0; {
		if len(buffer) == cap(buffer) {
			buffer = slices.Grow(buffer, min(n, cap(buffer)))
		}
		room := buffer[len(buffer):min(cap(buffer), len(buffer)+n)]
		got, err := r.read(room)
		buffer, n = buffer[:len(buffer)+got], n-got
		if err != nil {
			return nil, err
		}
	}
	return buffer, nil
}

// untilEnd appends what comes until the server closes the connection.
func (r *reader) untilEnd(buffer []byte, limit int) ([]byte, error) {
	start := len(buffer)
	for {
		buffer = append(buffer, r.buf[r.r:r.w]...)
		r.r = r.w
		if len(buffer)-start > limit {
			return nil, errTooLarge
		}
		switch err := r.fill(len(r.buf)); {
		case errors.Is(err, io.EOF):
			return buffer, nil
		case err != nil:
			return nil, err
		}
	}
}

// chunks appends a chunked body, and reads its trailers, which nobody needs.
func (r *reader) chunks(buffer []byte, limit int) ([]byte, error) {
	start, extra := len(buffer), 0
	for {
		line, err := r.upTo(crlf, maxChunkLine)
		if err != nil {
			return nil, chunkError(err)
		}
		n, digits, err := chunkSize(line[:len(line)-len(crlf)])
		if err != nil {
			return nil, malformed{err}
		}
		// Chunk extensions and chunks of a byte must not cost more than what they carry.
		extra += len(line) - digits - len(crlf)
		if extra > r.limits.head {
			return nil, malformed{errors.New("more chunk extensions than the head of a response may have bytes")}
		}
		if n == 0 {
			return buffer, r.trailers()
		}
		if n > int64(limit-(len(buffer)-start)) {
			return nil, errTooLarge
		}
		if buffer, err = r.take(buffer, int(n)); err != nil {
			return nil, unexpected(err)
		}
		end, err := r.upTo(crlf, len(crlf))
		if err != nil || len(end) != len(crlf) {
			return nil, chunkError(err)
		}
	}
}

// chunkError names what a line of the chunked coding lacks.
func chunkError(err error) error {
	if errors.Is(err, errTooLarge) {
		return malformed{errors.New("a chunk that does not begin or end as it should")}
	}
	return err
}

// chunkSize parses "1f" and "1f;name=value".
func chunkSize(line []byte) (n int64, digits int, err error) {
	const maxDigits = 15 // below 2^63
	for digits < len(line) {
		c := line[digits]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			c = 0xff
		}
		if c == 0xff {
			break
		}
		n = n<<4 | int64(c)
		digits++
	}
	rest := bytes.TrimLeft(line[digits:], " \t")
	if digits == 0 || digits > maxDigits || len(rest) > 0 && rest[0] != ';' || !isFieldValue(rest) {
		return 0, 0, fmt.Errorf("the size of a chunk: expected hexadecimal digits, found %q", clipped(string(line)))
	}
	return n, digits, nil
}

// trailers reads up to the empty line that ends a chunked body.
func (r *reader) trailers() error {
	for left := r.limits.head; ; {
		line, err := r.upTo(crlf, left)
		if err != nil {
			return err
		}
		left -= len(line)
		if len(line) == len(crlf) {
			return nil
		}
		if !isFieldValue(line[:len(line)-len(crlf)]) || line[0] == ':' || bytes.IndexByte(line, ':') < 0 {
			return malformed{fmt.Errorf("the trailer %q: expected a name and a colon", clipped(string(line)))}
		}
	}
}
