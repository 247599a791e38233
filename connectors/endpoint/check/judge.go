package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/internal/clip"
	"github.com/statefun-go/statefun/functions/protocol"
)

// judge returns the message of an answer, or what is wrong with it.
func judge(d *endpoint.Door, r *reply) (*protocol.FromFunction, *fault) {
	if f := judgeHead(d, r); f != nil {
		return nil, f
	}
	var m protocol.FromFunction
	if err := new(protocol.Decoder).FromFunction(r.body, &m); err != nil {
		g := guess(r.body)
		return nil, &fault{fmt.Sprintf("the body is no FromFunction: %v; it begins with % x%s", err, r.body[:min(len(r.body), 16)], g.looksLike()), g.advice}
	}
	if len(r.body) > 0 && !m.InvocationResult.Present && !m.IncompleteInvocationContext.Present {
		// All of it was skipped as unknown fields.
		return nil, &fault{
			fmt.Sprintf("the body has neither invocation_result (field 100) nor incomplete_invocation_context (field 101); it begins with % x%s",
				r.body[:min(len(r.body), 16)], guess(r.body).looksLike()),
			"encode a FromFunction of sdk/request-reply.proto; the runtime reads this one as success without effects",
		}
	}
	return &m, nil
}

// judgeHead says what is wrong with an answer but for its body.
func judgeHead(d *endpoint.Door, r *reply) *fault {
	switch {
	case r.err != nil:
		return noAnswer(r.err)
	case r.status/100 != 2:
		what := fmt.Sprintf("expected the status 200, found %d", r.status)
		if r.reason != "" {
			what += " (" + clipped(d.Redact(r.reason)) + ")"
		}
		return &fault{what + said(d, r), statusAdvice(r)}
	case isOctets(r.header):
		return nil
	}
	return wrongType(d, r)
}

func isOctets(h http.Header) bool {
	for v := range strings.SplitSeq(strings.Join(h.Values("Content-Type"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(v), protocol.ContentType) {
			return true
		}
	}
	return false
}

func wrongType(d *endpoint.Door, r *reply) *fault {
	found := d.Redact(strings.Join(r.header.Values("Content-Type"), ", "))
	switch {
	case found == "" && len(r.body) == 0:
		return &fault{
			fmt.Sprintf("an empty answer with status %d and no Content-Type: the runtime takes it for a failure, and tries again", r.status),
			"StateFun's playground server for Java answers so when a function throws, its status is in a header; answer 500 to failures, " +
				"and an empty success with Content-Type: " + protocol.ContentType,
		}
	case found == "":
		return &fault{"expected the Content-Type " + protocol.ContentType + ", found none", "set this header on every answer that is a success"}
	}
	f := &fault{
		fmt.Sprintf("expected the Content-Type %s, found %q%s", protocol.ContentType, clipped(found), guess(r.body).looksLike()),
		"set the header to " + protocol.ContentType + ": the runtime tries again until it is",
	}
	if strings.HasPrefix(strings.ToLower(found), protocol.ContentType) {
		f.advice = "without parameters"
	}
	if a := guess(r.body).advice; a != "" {
		f.advice = a
	}
	return f
}

func noAnswer(err error) *fault {
	f := &fault{what: "no answer: " + clipped(err.Error())}
	var coding *codingError
	switch {
	case errors.As(err, &coding):
		f.what, f.advice = err.Error(), "the runtime sends Accept-Encoding: gzip,deflate; let the server, or the proxy before it, honour it"
	case errors.Is(err, context.DeadlineExceeded):
		f.what, f.advice = "no complete answer came in time", "some servers never answer when a function throws; see the server's log, or allow for more with --timeout"
	case errors.Is(err, errTooLarge):
		f.what, f.advice = err.Error(), "raise payload_max_bytes in the endpoint's transport, or send less in one answer"
	case errors.Is(err, errNotEncoded):
		f.what, f.advice = err.Error(), "compress the body, or leave the header out"
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`):
		f.advice = "the server expects TLS on this port: use https in the URL"
	case strings.Contains(err.Error(), "malformed HTTP"):
		f.advice = "the server does not speak HTTP/1.1 on this port; gRPC and plaintext HTTP/2 are not the protocol"
	case strings.Contains(err.Error(), "EOF"), strings.Contains(err.Error(), "reset"):
		f.advice = "the server closed the connection: it may have crashed over the request, see its log"
	}
	return f
}

// said is the beginning of what a server says in words.
func said(d *endpoint.Door, r *reply) string {
	text := strings.TrimSpace(d.Redact(string(r.body)))
	if text == "" || !isText(r.body) {
		return ""
	}
	return fmt.Sprintf("; the server says %q", clipped(text))
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

func statusAdvice(r *reply) string {
	switch r.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return "redirects are not followed: put the URL where it leads into urlPathTemplate"
	case http.StatusBadRequest:
		if strings.Contains(string(r.body), "HTTPS") {
			return "the server expects TLS on this port: use https in the URL"
		}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return "give the endpoint the header that the server asks for (headers in module.yaml), and check with -f"
	case http.StatusNotFound:
		return "check the path of the URL: the server has nothing there"
	case http.StatusMethodNotAllowed:
		return "requests are POSTs: check the path of the URL, or allow POST there"
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return "requests and answers are " + protocol.ContentType + ", without parameters"
	case http.StatusRequestEntityTooLarge:
		return "the server takes only small requests: raise its limit"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "the server is overloaded or starting: try again"
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "a proxy answers: the server behind it is away"
	}
	return "see the log of the server"
}

// maxClip is how much of a text from outside is shown.
const maxClip = 200

func clipped(s string) string { return clip.To(maxClip, s) }
