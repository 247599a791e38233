package endpoint

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// placeholder is the only one that a template may have.
const placeholder = "{function.name}"

// target is where the requests of one function go.
type target struct {
	url  *url.URL // http or https; of a Unix socket with the host "localhost"
	show string   // for errors: without user information, query and fragment
	tls  bool

	network string // tcp or unix
	address string // HOST:PORT, or the socket's file
	host    string // HOST of address; localhost for a Unix socket
	port    uint16
	ip      netip.Addr // host, if it is one

	prefix []byte // Async: the request's head up to the value of Content-Length
	pool   *pool  // Async
}

// checkTemplate parses a template, with some name in it.
func checkTemplate(template string) error {
	if left := strings.ReplaceAll(template, placeholder, ""); strings.ContainsAny(left, "{}") {
		return fmt.Errorf("braces that are not of %s, the only placeholder", placeholder)
	}
	_, err := parseTarget(template, "namespace/name")
	return err
}

// parseTarget puts the function's name into the template, as it is.
func parseTarget(template string, function functions.TypeName) (*target, error) {
	text := strings.ReplaceAll(template, placeholder, function.Name())
	u, err := url.Parse(escape(text))
	if err != nil {
		// url.Error repeats the whole URL, which may have a secret in it.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	t := &target{url: u, network: "tcp"}
	switch u.Scheme {
	case "http", "https":
		err = t.parseTCP()
	case "http+unix", "https+unix":
		err = t.parseUnix()
	default:
		err = fmt.Errorf("expected http, https, http+unix or https+unix, found the scheme %q", clipped(u.Scheme))
	}
	if err != nil {
		return nil, err
	}
	t.tls = u.Scheme == "https" // also of a Unix socket
	u.Fragment, u.RawFragment = "", ""
	return t, nil
}

func (t *target) parseTCP() error {
	u := t.url
	t.host = u.Hostname()
	if t.host == "" {
		return fmt.Errorf("expected %s://HOST[:PORT]/PATH, found no host", u.Scheme)
	}
	port := cmp.Or(u.Port(), defaultPort(u.Scheme))
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("port %q: expected 1 to 65535", clipped(port))
	}
	t.port = uint16(n)
	t.ip, _ = netip.ParseAddr(t.host) // else it is a name
	t.address = net.JoinHostPort(t.host, port)
	t.show = u.Scheme + "://" + u.Host + u.EscapedPath()
	return nil
}

// defaultPort is the one that a Host header leaves out.
func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// parseUnix splits the path behind its first element that ends in .sock.
func (t *target) parseUnix() error {
	u := t.url
	if u.Host != "" {
		return fmt.Errorf("expected %s:///PATH/TO/FILE.sock/PATH, with three slashes, found the host %q", u.Scheme, clipped(u.Host))
	}
	path := u.EscapedPath()
	end := socketEnd(path)
	if end < 0 {
		return fmt.Errorf("expected %s:///PATH/TO/FILE.sock/PATH, found no element of the path that ends in .sock", u.Scheme)
	}
	t.show = u.Scheme + "://" + path
	t.network, t.host = "unix", "localhost"
	var err, restErr error
	t.address, err = url.PathUnescape(path[:end])
	rest := cmp.Or(path[end:], "/")
	u.Scheme, _, _ = strings.Cut(u.Scheme, "+")
	u.Host, u.RawPath = "localhost", rest
	u.Path, restErr = url.PathUnescape(rest)
	return cmp.Or(err, restErr)
}

// socketEnd is where the first element of a path that ends in .sock does; negative if none.
func socketEnd(path string) int {
	end := 0
	for element := range strings.SplitSeq(path, "/") {
		end += len(element)
		if strings.HasSuffix(element, ".sock") {
			return end
		}
		end++
	}
	return -1
}

// escape escapes spaces and what is not ASCII in the path and the query, where they would
// end or spoil the line that they are sent in. All else stays as it is.
func escape(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	start := strings.IndexAny(rest, "/?#")
	if !ok || start < 0 {
		return text
	}
	start += len(scheme) + len("://")
	b := []byte(text[:start])
	for _, c := range []byte(text[start:]) {
		if c == ' ' || c >= 0x80 {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// hostHeader leaves out the port that the scheme has anyway.
func (t *target) hostHeader() string {
	if t.network == "unix" {
		return t.host
	}
	if port := defaultPort(t.url.Scheme); strconv.Itoa(int(t.port)) != port {
		return t.address
	}
	if strings.Contains(t.host, ":") {
		return "[" + t.host + "]"
	}
	return t.host
}

// basicAuth is the Authorization that user information in the URL asks for.
func (t *target) basicAuth() string {
	if t.url.User == nil {
		return ""
	}
	password, _ := t.url.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(t.url.User.Username()+":"+password))
}
