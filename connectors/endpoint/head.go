package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// head is the start of a response, as far as it matters here.
type head struct {
	status  int
	reason  string // only of a response that is a failure, as all strings here
	minor   int    // HTTP/1.minor
	length  int64  // Content-Length; negative: none
	chunked bool
	close   bool // the connection ends with this response
	coding  coding
	octets  bool          // the Content-Type is application/octet-stream, of Async's rule
	idle    time.Duration // how long the server keeps an idle connection; 0: it does not say

	contentType, location, retryAfter, unknownCoding string

	// What the server says of the invocation that failed, as it says it.
	failedInvocation, permanent, maxAttempts string
}

// success reports whether there is a body that is to be handed on.
func (h *head) success() bool { return h.status/100 == 2 && h.octets }

// isToken has the characters of header names (RFC 9110, 5.6.2).
var isToken = func() (is [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		is[c] = true
	}
	return is
}()

// parseHead parses the head of a response, which ends with an empty line. It is
// strict, since what two readers of one response see differently is how responses
// are smuggled: lines end with CR LF, names are tokens that end at their colon,
// there is one length at most, and "chunked" is the only transfer coding. Lines that
// go on in the next one (obs-fold) become one, in place, as RFC 9112 asks a user
// agent to.
//
// Nothing in the result refers to b.
func parseHead(b []byte) (head, error) {
	h := head{length: -1}
	line, rest, _ := bytes.Cut(b, crlf)
	if err := h.parseStatus(line); err != nil {
		return h, err
	}
	reason := line[min(len(line), len("HTTP/1.1 200 ")):]
	var fields fields
	for len(rest) > len(crlf) {
		end, err := unfold(rest)
		if err != nil {
			return h, err
		}
		if err := fields.add(&h, rest[:end]); err != nil {
			return h, err
		}
		rest = rest[end+len(crlf):]
	}
	if h.chunked && h.length >= 0 {
		return h, errors.New("a response with both Content-Length and Transfer-Encoding")
	}
	if h.chunked && h.minor == 0 {
		return h, errors.New("a response of HTTP/1.0 with Transfer-Encoding")
	}
	h.close = fields.close || h.minor == 0 && !fields.keepAlive
	if !h.success() {
		h.reason = string(bytes.TrimSpace(reason))
		h.contentType, h.location, h.retryAfter = string(fields.contentType), string(fields.location), string(fields.retryAfter)
		h.failedInvocation, h.permanent, h.maxAttempts = string(fields.failedInvocation), string(fields.permanent), string(fields.maxAttempts)
	}
	return h, nil
}

var (
	crlf     = []byte("\r\n")
	headEnd  = []byte("\r\n\r\n")
	version1 = []byte("HTTP/1.")
)

// parseStatus takes "HTTP/1.x NNN reason"; the reason may be missing, with the
// space before it.
func (h *head) parseStatus(line []byte) error {
	const short = len("HTTP/1.1 200")
	bad := func() error {
		return fmt.Errorf("the status line %q is not of HTTP/1.1", clipped(string(line)))
	}
	if len(line) < short || !bytes.HasPrefix(line, version1) || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return bad()
	}
	for _, c := range line[9:short] {
		if c < '0' || c > '9' {
			return bad()
		}
		h.status = 10*h.status + int(c-'0')
	}
	if h.status < 100 || len(line) > short && line[short] != ' ' || !isFieldValue(line) {
		return bad()
	}
	h.minor = int(line[7] - '0')
	return nil
}

// unfold returns the length of the first field's line, and makes it one if it
// goes on.
func unfold(b []byte) (end int, err error) {
	if b[0] == ' ' || b[0] == '\t' {
		return 0, errors.New("a response whose first header begins with white space")
	}
	for {
		next := bytes.Index(b[end:], crlf)
		if next < 0 {
			return 0, errors.New("a header that does not end")
		}
		end += next
		if after := end + len(crlf); after >= len(b) || b[after] != ' ' && b[after] != '\t' {
			return end, nil
		}
		b[end], b[end+1] = ' ', ' '
	}
}

// The headers of package protocol, as equalFold takes them.
const (
	failedInvocation = "statefun-failed-invocation"
	permanent        = "statefun-permanent"
	maxAttempts      = "statefun-max-attempts"
)

// fields are what has been seen of the headers.
type fields struct {
	close, keepAlive bool
	// of b, until the head is parsed
	contentType, location, retryAfter        []byte
	failedInvocation, permanent, maxAttempts []byte
}

// add parses one line.
func (f *fields) add(h *head, line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return fmt.Errorf("the header %q: expected a name and a colon", clipped(string(line)))
	}
	name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
	for _, c := range name {
		if !isToken[c] {
			return fmt.Errorf("the header %q: its name has a character that no name can have", clipped(string(line)))
		}
	}
	if !isFieldValue(value) {
		return fmt.Errorf("the header %s has a control character", clipped(string(name)))
	}
	switch len(name) {
	case len("location"):
		if equalFold(name, "location") {
			f.location = value
		}
	case len("connection"): // and keep-alive
		if equalFold(name, "connection") {
			f.close = f.close || hasElement(value, "close")
			f.keepAlive = f.keepAlive || hasElement(value, "keep-alive")
		} else if equalFold(name, "keep-alive") {
			h.idle = keepAliveTimeout(value)
		}
	case len("retry-after"):
		if equalFold(name, "retry-after") {
			f.retryAfter = value
		}
	case len("content-type"):
		if equalFold(name, "content-type") {
			f.contentType = value
			h.octets = h.octets || hasElement(value, octetStream)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return h.addLength(value)
		}
	case len("content-encoding"):
		if equalFold(name, "content-encoding") {
			h.addCoding(value)
		}
	case len(failedInvocation):
		if equalFold(name, failedInvocation) {
			f.failedInvocation = value
		}
	case len(permanent):
		if equalFold(name, permanent) {
			f.permanent = value
		}
	case len(maxAttempts):
		if equalFold(name, maxAttempts) {
			f.maxAttempts = value
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			return h.addTransfer(value)
		}
	}
	return nil
}

// addLength accepts a repeated length only if it is the same.
func (h *head) addLength(value []byte) error {
	const maxDigits = 18 // below 2^63
	if len(value) == 0 || len(value) > maxDigits {
		return fmt.Errorf("Content-Length: expected up to %d digits, found %q", maxDigits, clipped(string(value)))
	}
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return fmt.Errorf("Content-Length: expected digits, found %q", clipped(string(value)))
		}
		n = 10*n + int64(c-'0')
	}
	if h.length >= 0 && h.length != n {
		return fmt.Errorf("a response with two lengths: Content-Length is %d, and %d", h.length, n)
	}
	h.length = n
	return nil
}

func (h *head) addTransfer(value []byte) error {
	if h.chunked || !equalFold(value, "chunked") {
		return fmt.Errorf("Transfer-Encoding: expected chunked, once, found %q", clipped(string(value)))
	}
	h.chunked = true
	return nil
}

func (h *head) addCoding(value []byte) {
	switch {
	case len(value) == 0 || equalFold(value, "identity"):
	case h.coding == identity && (equalFold(value, "gzip") || equalFold(value, "x-gzip")):
		h.coding = gzipped
	case h.coding == identity && equalFold(value, "deflate"):
		h.coding = deflated
	default: // unknown, or one on top of the other
		h.coding, h.unknownCoding = otherCoding, clipped(string(value))
	}
}

// keepAliveTimeout is the parameter of "timeout=5, max=100".
func keepAliveTimeout(value []byte) time.Duration {
	for element := range bytes.SplitSeq(value, []byte{','}) {
		name, n, _ := bytes.Cut(bytes.TrimSpace(element), []byte{'='})
		if !equalFold(name, "timeout") {
			continue
		}
		if s, err := strconv.ParseUint(string(n), 10, 31); err == nil {
			return time.Duration(s) * time.Second
		}
	}
	return 0
}

// isFieldValue reports whether b has no control character but tabs.
func isFieldValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasElement reports whether a list has the element, whatever its case.
func hasElement(list []byte, lower string) bool {
	if equalFold(list, lower) {
		return true
	}
	for {
		element, rest, more := bytes.Cut(list, []byte{','})
		if equalFold(bytes.Trim(element, " \t"), lower) {
			return true
		}
		if !more {
			return false
		}
		list = rest
	}
}

// equalFold compares with a text in lower case, in ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
