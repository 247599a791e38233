package endpoint

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/clip"
)

// Kind says in which way an attempt failed.
type Kind uint8

const (
	// Unsendable is that no request can be made of this function's name. The server
	// has no part in it.
	Unsendable Kind = iota
	// Connect is that no connection was made, for its name, address, TLS, or time, or
	// that none became free: nothing was sent.
	Connect
	// Timeout is that no complete response came in time.
	Timeout
	// IO is that the connection broke before a response was complete.
	IO
	// Status is a response whose status is not 2xx, nor 413.
	Status
	// RequestTooLarge is a response 413: a smaller request may do.
	RequestTooLarge
	// ContentType is a response 2xx that is not application/octet-stream.
	ContentType
	// ResponseTooLarge is a response with a larger body than Config.MaxPayloadBytes,
	// compressed or not, or a larger head than Config.MaxHeaderBytes.
	ResponseTooLarge
	// Malformed is a response that is not HTTP as it should be, not in its content
	// encoding, or (see Endpoint.Unparsable) not a message of the protocol.
	Malformed
)

var kindNames = [...]string{
	Unsendable: "unsendable", Connect: "connect", Timeout: "timeout", IO: "io", Status: "status",
	RequestTooLarge: "request_too_large", ContentType: "content_type", ResponseTooLarge: "response_too_large", Malformed: "malformed",
}

// String returns a name for logs and labels.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Failure is why an attempt did not bring a response.
type Failure struct { //nolint:errname // what it is, with and without an error in it
	Kind Kind
	// Retry says that the profile tries again, as long as its budget lasts.
	Retry bool
	// Reached says that the head of a response came: the server is there, whatever
	// it thinks of the request.
	Reached bool
	// Reused says that the connection had served a request before.
	Reused bool
	// Status of the response and the text that came with it; 0 without a response.
	Status int
	Reason string
	// RetryAfter is how long the server asks to be left alone; 0 if it does not.
	RetryAfter time.Duration
	// Invocation is the position, from 1, of the invocation that failed, of those in the
	// request; 0 if the server does not say: protocol.HeaderFailedInvocation.
	Invocation int
	// Permanent is that the server says, or the profile knows, that trying again cannot
	// cure the failure: protocol.HeaderPermanent.
	Permanent bool
	// MaxAttempts is how often the function wants a message to be tried; 0 if the server
	// does not say: protocol.HeaderMaxAttempts.
	MaxAttempts int

	url  string // without what may be secret
	text string
	err  error
}

// Error says where, what was expected, and what was found.
func (f *Failure) Error() string {
	text := f.text
	if f.err != nil {
		text = join(text, f.err.Error())
	}
	return "endpoint " + f.url + ": " + text
}

func join(parts ...string) string {
	return strings.Join(deleteEmpty(parts), ": ")
}

func deleteEmpty(parts []string) []string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}

// Unwrap returns what the operating system, TLS or a decoder said; nil if nothing.
func (f *Failure) Unwrap() error { return f.err }

// MayBeDown reports whether the failure is what one sees of a server that is
// down, starting or overloaded, rather than of one that refuses this request. A server
// that breaks down over one request looks the same: whether other requests get
// through tells the two apart.
func (f *Failure) MayBeDown() bool {
	switch f.Kind {
	case Connect, Timeout, IO:
		return true
	case Status:
		return f.Status >= http.StatusInternalServerError || f.Status == http.StatusTooManyRequests || f.Status == http.StatusRequestTimeout
	case Unsendable, RequestTooLarge, ContentType, ResponseTooLarge, Malformed:
	}
	return false
}

// ErrClosed is returned by attempts once the endpoint is closed.
var ErrClosed = errors.New("endpoint: closed")

// errTimeout interrupts what takes longer than its time-out.
var errTimeout = errors.New("time-out")

// maxClip is how much of a text from outside is repeated in an error.
const maxClip = 256

// clipped shortens a text that came from outside.
func clipped(s string) string { return clip.To(maxClip, s) }
