package module

import (
	"fmt"
	"math"
	"net/url"
	"path"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// The kinds of endpoints.
const (
	KindEndpointV1 functions.TypeName = "io.statefun.endpoints.v1/http"
	KindEndpointV2 functions.TypeName = "io.statefun.endpoints.v2/http"
)

// DefaultMaxNumBatchRequests is how many invocations one request carries at most.
const DefaultMaxNumBatchRequests = 1000

// Endpoint is where functions are called over HTTP.
type Endpoint struct {
	Definition

	// Functions are those that are there.
	Functions Pattern
	// URLPathTemplate is their URL; [Endpoint.URL] fills in the name. It may hold
	// a secret.
	URLPathTemplate string
	// MaxNumBatchRequests is how many invocations one request carries at most. 0
	// is no limit.
	MaxNumBatchRequests int
	Transport           Transport

	// Headers are sent with every request.
	Headers []Header
	// MaxAttempts of a message before it is quarantined. 0 is the application's
	// number; it has no meaning with RetryForever.
	MaxAttempts int
	// RetryForever means that no message is ever quarantined.
	RetryForever bool
	// MaxBatchBytes of one request above which a batch is split. 0 is the
	// runtime's own limit.
	MaxBatchBytes int64
	// MaxInFlight requests at a time, over all addresses. 0 is the runtime's own
	// limit.
	MaxInFlight int
	// VerifyHostname asks for a certificate of the very host.
	VerifyHostname bool

	shownURL string
}

// Header is a static HTTP header.
type Header struct {
	Name  string
	Value Secret
}

// nameHolder is where the name of the function stands in a URL.
const nameHolder = "{function.name}"

// URL is where the functions of type t are called.
func (e *Endpoint) URL(t functions.TypeName) string {
	return strings.ReplaceAll(e.URLPathTemplate, nameHolder, t.Name())
}

// ShownURL is the URL template as it is written, for people: with references instead
// of what they yield, and without a password.
func (e *Endpoint) ShownURL() string { return e.shownURL }

// String implements Component.
func (e *Endpoint) String() string {
	return fmt.Sprintf("functions %s at %s", e.Functions, e.ShownURL())
}

func bindEndpointV1(d Definition, spec *Object) Component {
	e := bindEndpoint(d, spec)
	e.Transport = defaultOkHTTP()
	e.Transport.bindTimeouts(spec)
	return e
}

func bindEndpointV2(d Definition, spec *Object) Component {
	spec.within("Error parsing a HttpFunctionEndpointSpec.")
	e := bindEndpoint(d, spec)
	e.Transport = bindTransport(spec)
	return e
}

// bindEndpoint reads what both versions have.
func bindEndpoint(d Definition, spec *Object) *Endpoint {
	e := &Endpoint{Definition: d, MaxNumBatchRequests: DefaultMaxNumBatchRequests, VerifyHostname: true}
	e.Functions = bindPattern(spec.Need("functions", "<namespace>/<name> or <namespace>/*"))
	if v := spec.Need("urlPathTemplate", "a URL"); v != nil {
		e.URLPathTemplate, e.shownURL = bindURL(v), shownURL(v)
	}
	if n, ok := spec.Get("maxNumBatchRequests").Int(math.MinInt32, math.MaxInt32); ok {
		e.MaxNumBatchRequests = int(max(n, 0))
	}
	e.Headers = bindHeaders(spec.Get("headers"))
	e.MaxAttempts, e.RetryForever = bindAttempts(spec.Get("maxAttempts"))
	e.MaxBatchBytes, _ = spec.Get("maxBatchBytes").Int(1, math.MaxInt64)
	inFlight, _ := spec.Get("maxInFlight").Int(1, math.MaxInt32)
	e.MaxInFlight = int(inFlight)
	if verify, ok := spec.Get("verifyHostname").Bool(); ok {
		e.VerifyHostname = verify
	}
	return e
}

// unlimited is what maxAttempts says for RetryForever.
const unlimited = "unlimited"

func bindAttempts(v *Value) (attempts int, forever bool) {
	if v != nil && v.shape == scalar && v.text == unlimited {
		return 0, true
	}
	if v != nil && !v.broken && (v.shape != scalar || !isInteger(v.text)) {
		v.Errorf("expected a number of attempts, at least 1, or %s, found %s", unlimited, v.Shown())
		return 0, false
	}
	n, _ := v.Int(1, math.MaxInt32)
	return int(n), false
}

func isInteger(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789_") == ""
}

// bindURL checks a template.
func bindURL(v *Value) string {
	template, ok := v.Text()
	if !ok {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(template, nameHolder, "name"))
	if err != nil {
		// What the error says may hold what a reference yields.
		v.Errorf("expected a URL, found %s", v.Shown())
		return ""
	}
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "http", "https":
		if u.Hostname() == "" {
			v.Errorf("expected a URL with a host, such as http://host:port/path, found %s", v.Shown())
		}
	case "http+unix", "https+unix":
		if u.Host != "" || !namesSocket(u.Path) {
			v.Errorf("expected %s:///path/of/a.sock/path with a name that ends in .sock, found %s", scheme, v.Shown())
		}
	default:
		v.Errorf("expected a URL that begins with http:, https:, http+unix: or https+unix:, found %s", v.Shown())
	}
	if i := strings.Index(strings.ReplaceAll(template, nameHolder, ""), "{"); i >= 0 {
		v.Warnf("only %s is replaced, found another { in %s", nameHolder, v.Shown())
	}
	return template
}

// namesSocket reports whether a path has a component that is a socket.
func namesSocket(p string) bool {
	for ; p != "" && p != "/" && p != "."; p = path.Dir(p) {
		if strings.HasSuffix(p, ".sock") {
			return true
		}
	}
	return false
}

// shownURL is the template as it is written, without a password.
func shownURL(v *Value) string {
	scheme, rest, ok := strings.Cut(v.written, "://")
	if !ok {
		return clipped(v.written)
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = "…" + authority[at:]
	}
	return clipped(scheme + "://" + authority + "/" + path)
}

// bindHeaders reads a mapping of names to values.
func bindHeaders(v *Value) []Header {
	o, ok := v.Object()
	if !ok {
		return nil
	}
	var headers []Header
	seen := map[string]string{}
	for _, name := range o.Keys() {
		value := o.Get(name)
		if value == nil {
			o.Errorf("expected a value of the header %s, found nothing", quote(name))
			continue
		}
		value.Hide()
		lower := strings.ToLower(name)
		switch first, again := seen[lower]; {
		case !isToken(name):
			value.Errorf("expected the name of an HTTP header, found %s", quote(name))
		case isOwnHeader(lower):
			value.Errorf("expected a header that the transport does not set itself, found %s", quote(name))
		case again:
			value.Errorf("expected every header once, found %s and %s", quote(first), quote(name))
		}
		seen[lower] = name
		text, ok := value.Text()
		if ok && !isHeaderValue(text) {
			value.Errorf("expected a value without line ends and control characters for the header %s, found some", quote(name))
		}
		headers = append(headers, Header{name, Secret(text)})
	}
	return headers
}

// isOwnHeader reports whether the protocol gives the header its value.
func isOwnHeader(lower string) bool {
	switch lower {
	case "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect",
		"host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isHeaderValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return s == strings.TrimSpace(s)
}
