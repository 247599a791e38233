package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/statefun-go/statefun/functions"
)

// maxRetryAfter is the most that a server's Retry-After counts for.
const maxRetryAfter = time.Hour

// unsendable is the failure of a function whose name makes no request.
func (e *Endpoint) unsendable(function functions.TypeName, err error) *Failure {
	return &Failure{Kind: Unsendable, Permanent: true, url: "of " + clipped(string(function)), text: "no request can be made", err: err}
}

// Unparsable is the failure of a response that is not a message of the protocol.
func (e *Endpoint) Unparsable(function functions.TypeName, err error) *Failure {
	f := &Failure{Kind: Malformed, Retry: e.cfg.Profile == Async, Permanent: e.cfg.Profile != Async, Reached: true, text: "the response is not a FromFunction", err: err}
	if t, tErr := e.target(function); tErr == nil {
		f.url = t.show
	}
	return f
}

// failed explains an error of an attempt without a response, or whose response broke off.
// It is no failure that the caller's context ended.
func (e *Endpoint) failed(ctx context.Context, t *target, err error, reached, reused bool) error {
	switch {
	case errors.Is(err, ErrClosed):
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	f := &Failure{Kind: IO, Retry: true, Reached: reached, Reused: reused, url: t.show, err: err}
	var connect connectError
	var bad malformed
	switch {
	case errors.Is(err, errConnectTimeout):
		f.Kind, f.err = Connect, nil
		f.text = fmt.Sprintf("no connection within the connect time-out of %v", e.cfg.Connect)
	case errors.Is(err, errNoTurn):
		f.Kind, f.err = Connect, nil
		f.text = fmt.Sprintf("no connection within the call time-out of %v", e.cfg.Call)
	case errors.As(err, &connect) && isOurs(err):
		f.Kind, f.text = Connect, "no connection, which is not the server's fault but this node's (its limit of open files?)"
	case errors.As(err, &connect):
		f.Kind, f.text = Connect, "no connection"
	case errors.Is(err, errTimeout):
		f.Kind, f.err = Timeout, nil
		f.text = fmt.Sprintf("no complete response within the call time-out of %v", e.cfg.Call)
	case errors.Is(err, errReadTimeout):
		f.Kind, f.err = Timeout, nil
		f.text = fmt.Sprintf("nothing received within the read time-out of %v", e.cfg.Read)
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.Kind, f.err = Timeout, nil
		f.text = fmt.Sprintf("nothing could be sent within the write time-out of %v", e.cfg.Write)
	case errors.Is(err, errHeadTooLarge):
		f.Kind, f.Retry, f.err = ResponseTooLarge, e.cfg.Profile == Async, nil
		f.text = fmt.Sprintf("the head of the response has more than %d bytes", e.cfg.MaxHeaderBytes)
	case errors.Is(err, errTooLarge):
		f.Kind, f.Retry, f.err = ResponseTooLarge, e.cfg.Profile == Async, nil
		f.text = fmt.Sprintf("the body of the response has more than payload_max_bytes, %d", e.cfg.MaxPayloadBytes)
	case errors.As(err, &bad):
		f.Kind, f.text = Malformed, "the response is malformed"
	case reached:
		f.text = "the connection broke before the response was complete"
	default:
		f.text = "the connection broke before a response came"
	}
	f.Permanent = !f.Retry
	return f
}

// refused explains a response that is no success.
func (e *Endpoint) refused(t *target, a *answer, reused bool) error {
	h := &a.head
	p := e.cfg.Profile
	f := &Failure{
		Kind: Status, Retry: p.retriesStatus(h.status), Reached: true, Reused: reused, url: t.show,
		Status: h.status, Reason: clipped(e.headers.redact(h.reason)), RetryAfter: retryAfter(h.retryAfter),
	}
	f.Permanent = h.permanent == "true"
	f.MaxAttempts = positive(h.maxAttempts)
	if i, err := strconv.ParseUint(h.failedInvocation, 10, 31); err == nil { // from 0
		f.Invocation = int(i) + 1
	}
	said := e.excerpt(a)
	switch {
	case h.status/100 == 2:
		f.Kind, f.Retry = ContentType, p == Async
		f.text = p.contentTypeText(e.headers.redact(h.contentType))
		if h.contentType == "" {
			f.text += fmt.Sprintf(" (%d %s): a server may say so of an exception of a function", h.status, f.Reason)
		}
	case h.status == http.StatusRequestEntityTooLarge:
		f.Kind = RequestTooLarge
		f.text = p.statusText(h.status, f.Reason)
	case h.status/100 == 3:
		f.text = p.statusText(h.status, f.Reason) + e.redirect(t, h.location)
	default:
		f.text = p.statusText(h.status, f.Reason)
	}
	f.Permanent = f.Permanent || !f.Retry && f.Kind != RequestTooLarge
	if said != "" {
		f.text += fmt.Sprintf("; the server says %q", said)
	}
	return f
}

// positive is a number that was found in a header; 0 if it is none.
func positive(value string) int {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// redirect says where a response that is not followed leads to.
func (e *Endpoint) redirect(t *target, location string) string {
	to, err := t.url.Parse(location)
	if location == "" || err != nil {
		return ""
	}
	shown := url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}
	return fmt.Sprintf("; redirected to %s, where requests of this transport do not follow", clipped(e.headers.redact(shown.String())))
}

// excerpt is the beginning of what a server says in words.
func (e *Endpoint) excerpt(a *answer) string {
	b := a.body
	if c := a.head.coding; (c == gzipped || c == deflated) && len(b) > 0 {
		plain, err := decode(b, c, nil, maxFailedBody)
		if err != nil {
			return ""
		}
		b = plain
	}
	if !utf8.Valid(b) || !isText(b) {
		return ""
	}
	return clipped(strings.TrimSpace(e.headers.redact(string(b))))
}

// isText reports whether b has no control characters but those of texts.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// retryAfter is in seconds, or a date.
func retryAfter(value string) time.Duration {
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, time.Until(at)), maxRetryAfter)
	}
	return 0
}
