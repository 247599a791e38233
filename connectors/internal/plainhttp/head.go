package plainhttp

import (
	"bytes"
	"net/http"
)

// head is the beginning of a request, up to the body. Its slices are of the bytes it was
// read from.
type head struct {
	method string
	path   []byte
	fields []byte // the lines of the header with the empty one
	size   int    // of all of the head
}

var (
	endOfHead = []byte("\r\n\r\n")
	endOfLine = []byte("\r\n")
	version   = []byte(" HTTP/1.1")
)

// cutHead reads the head of a plain request: POST or PUT of a path that has neither
// escapes nor a query. The fields are not looked at.
func cutHead(b []byte) (h head, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte("POST /")):
		h.method = http.MethodPost
	case bytes.HasPrefix(b, []byte("PUT /")):
		h.method = http.MethodPut
	default:
		return h, false
	}
	line, rest, ok := bytes.Cut(b, endOfLine)
	if !ok || !bytes.HasSuffix(line, version) {
		return h, false
	}
	h.path = line[len(h.method)+1 : len(line)-len(version)]
	end := bytes.Index(rest, endOfHead)
	if end < 0 || !all(h.path, pathByte) {
		return h, false
	}
	h.fields = rest[:end+len(endOfHead)]
	h.size = len(b) - len(rest) + len(h.fields)
	return h, true
}

// plainFields reports whether the lines of a header are as plain as can be, and the
// length of the body: one Host, one Content-Length, and nothing else that has to do with
// how the request is framed, or with the connection. What is allowed means the same to
// net/http.
func plainFields(fields []byte) (length int, ok bool) {
	hosts, lengths := 0, 0
	for {
		line, rest, _ := bytes.Cut(fields, endOfLine)
		if len(line) == 0 {
			return length, hosts == 1 && lengths == 1
		}
		fields = rest
		name, value, ok := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		if !ok || len(name) == 0 || !all(name, tokenByte) || !all(value, valueByte) {
			return 0, false
		}
		switch {
		case is(name, "Host"):
			hosts++
			ok = len(value) > 0 && all(value, hostByte)
		case is(name, "Content-Length"):
			lengths++
			length, ok = plainLength(value)
		case is(name, "Connection"):
			ok = is(value, "keep-alive")
		default:
			ok = !isFraming(name)
		}
		if !ok {
			return 0, false
		}
	}
}

func is(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// isFraming reports whether a header says how a request or what follows it is to be read.
func isFraming(name []byte) bool {
	for _, s := range []string{"Transfer-Encoding", "Expect", "Trailer", "TE", "Upgrade", "Keep-Alive", "Proxy-Connection", "HTTP2-Settings"} {
		if is(name, s) {
			return true
		}
	}
	return false
}

// maxLengthDigits are enough for what fits the buffer.
const maxLengthDigits = 5

func plainLength(value []byte) (n int, ok bool) {
	if len(value) == 0 || len(value) > maxLengthDigits {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// Classes of bytes; a byte may be in several.
const (
	pathByte  = 1 << iota // of a path, in which nothing is escaped
	tokenByte             // of a header's name
	valueByte             // of a header's value
	hostByte              // of a Host
)

var classes = func() (classes [256]byte) {
	add := func(class byte, bytes string) {
		for _, c := range []byte(bytes) {
			classes[c] |= class
		}
	}
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	add(pathByte, alphanumeric+"-._~$&+,;=:@/")    // of RFC 3986, 3.3, without those that net/url escapes
	add(tokenByte, alphanumeric+"!#$%&'*+-.^_`|~") // RFC 9110, 5.6.2
	add(hostByte, alphanumeric+"-._:[]")
	for c := byte(' '); c <= '~'; c++ {
		classes[c] |= valueByte
	}
	classes['\t'] |= valueByte
	return classes
}()

func all(b []byte, class byte) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}
