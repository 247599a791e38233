// Package client talks to a running node through its HTTP door (package
// connectors/http).
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Config says which node to talk to.
type Config struct {
	// Addr is the node's base URL; without a scheme it is http.
	Addr string
	// TokenFile holds the token that the node wants, if it does.
	TokenFile string
	// CAFile has the PEM certificates to check the node's by, besides the
	// system's.
	CAFile string
}

// Client talks to one node. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// ErrNoNode marks a node that does not answer.
var ErrNoNode = errors.New("no node answers")

// StatusError is a node's refusal.
type StatusError struct {
	Status  int
	Message string
}

// Error is what the node said.
func (e *StatusError) Error() string {
	return cmp.Or(e.Message, fmt.Sprintf("the node answered %d %s", e.Status, http.StatusText(e.Status)))
}

// NotFound reports whether there is no such thing.
func NotFound(err error) bool {
	e, ok := errors.AsType[*StatusError](err)
	return ok && e.Status == http.StatusNotFound
}

// New makes a client. It does not connect yet.
func New(c Config) (*Client, error) {
	base := c.Addr
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("expected the address of a node such as http://127.0.0.1:8080, found %q", c.Addr)
	}
	token, err := readToken(c.TokenFile)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(c.CAFile)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	return &Client{base: u.Scheme + "://" + u.Host, token: token, http: &http.Client{Transport: t, CheckRedirect: stay}}, nil
}

// stay refuses redirects: a node sends none, and a token is for it alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("token file %s: expected one word", path)
	}
	return token, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("certificates: no PEM certificate in %s", path)
	}
	return pool, nil
}

// URL is the node's base URL.
func (c *Client) URL() string { return c.base }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one request and what it may be answered with.
type request struct {
	method, path string // path and query, encoded
	header       map[string]string
	body         []byte
}

// response is what came back. Only what has a status below 300 does; the rest is
// a *StatusError.
type response struct {
	status int
	header http.Header
	body   []byte
}

// maxResponse bounds what is read into memory.
const maxResponse = 1 << 30

func (c *Client) do(ctx context.Context, r request) (response, error) {
	h, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	for name, value := range r.header {
		h.Header.Set(name, value)
	}
	if c.token != "" {
		h.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(h)
	if err != nil {
		return response{}, c.unreachable(ctx, err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxResponse))
	if err != nil {
		return response{}, c.unreachable(ctx, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return response{}, refusal(answer, body)
	}
	return response{answer.StatusCode, answer.Header, body}, nil
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrNoNode, c.base, err)
}

func refusal(answer *http.Response, body []byte) error {
	e := &StatusError{Status: answer.StatusCode}
	var problem struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &problem) == nil {
		e.Message = problem.Error
	}
	if e.Message == "" && len(body) > 0 && len(body) < 1000 {
		e.Message = strings.TrimSpace(fmt.Sprintf("the node answered %s: %s", answer.Status, body))
	}
	return e
}

// get decodes the JSON answer to a GET into a value.
func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.decode(ctx, request{method: http.MethodGet, path: path, header: acceptJSON()}, into)
}

func (c *Client) decode(ctx context.Context, r request, into any) error {
	answer, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.body, into); err != nil {
		return fmt.Errorf("%s did not answer as a node does: %w", c.base, err)
	}
	return nil
}

func acceptJSON() map[string]string { return map[string]string{"Accept": "application/json"} }

// pathOf is an address as a path.
func pathOf(a functions.Address) string {
	namespace, name, _ := strings.Cut(string(a.Type), "/")
	return "/" + segment(namespace) + "/" + segment(name) + "/" + segment(a.ID)
}

// segment encodes what is one part of a path, slashes included. What would be
// read as part of the path's form (".", "..", "state") gets its first byte encoded
// too.
func segment(s string) string {
	switch s {
	case ".", "..", "state":
		return fmt.Sprintf("%%%02X%s", s[0], s[1:])
	}
	return url.PathEscape(s)
}
