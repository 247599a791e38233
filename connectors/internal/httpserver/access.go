package httpserver

import (
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// Access says who is let in. On a loopback address nothing has to be set.
type Access struct {
	// TLSCert and TLSKey are files in PEM. Set both or none.
	TLSCert, TLSKey string
	// TokenFile holds a secret that clients send as "Authorization: Bearer …". White
	// space around it does not count.
	TokenFile string
	// Insecure lets everybody in who can reach the address, without asking.
	Insecure bool
}

// MinTokenBytes is the shortest token.
const MinTokenBytes = 16

// Check refuses to listen on an address that is open to others.
func (a *Access) Check(address string) error {
	if (a.TLSCert == "") != (a.TLSKey == "") {
		return fmt.Errorf("--tls-cert is %q and --tls-key is %q: set both or none", a.TLSCert, a.TLSKey)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w; expected HOST:PORT", address, err)
	}
	if isLoopback(host) || a.TLSCert != "" || a.TokenFile != "" || a.Insecure {
		return nil
	}
	return fmt.Errorf("%s is not a loopback address, so that others can reach it: set --tls-cert and --tls-key, or --token-file, or --insecure to let everybody in", address)
}

// isLoopback reports whether a host is this machine, by its name. The empty host
// is every interface.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (a *Access) tlsConfig() (*tls.Config, error) {
	if a.TLSCert == "" {
		return nil, nil // no TLS
	}
	pair, err := tls.LoadX509KeyPair(a.TLSCert, a.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", a.TLSCert, a.TLSKey, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// token reads the token file. Errors do not tell what is in it.
func (a *Access) token() (string, error) {
	if a.TokenFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < MinTokenBytes {
		return "", fmt.Errorf("--token-file %s: the token has %d bytes, expected at least %d", a.TokenFile, len(token), MinTokenBytes)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("--token-file %s: the token has characters that a header cannot have, expected visible ASCII", a.TokenFile)
		}
	}
	return token, nil
}

// Guard decides about requests. It is safe for concurrent use.
type Guard struct {
	token     string // empty: none
	localHost bool   // the Host must be this machine
	origin    *http.CrossOriginProtection
}

// NewGuard reads the token file. It trusts whoever gets through the network, if it is loopback, except
// browsers: a page of another site may make its visitor's browser write
// (cross-origin), or read and write under a name of its own that resolves to
// 127.0.0.1 (DNS rebinding). Its name shows in Origin and Host.
func NewGuard(a *Access) (*Guard, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	return &Guard{
		token: token, localHost: token == "" && a.TLSCert == "" && !a.Insecure,
		origin: http.NewCrossOriginProtection(),
	}, nil
}

// Check refuses a request. Reading is let in from anywhere: what a browser gets
// for another site's page, it keeps to itself.
func (g *Guard) Check(r *http.Request) error {
	if err := g.checkClient(r); err != nil {
		return err
	}
	return refuseOrigin(g.origin.Check(r))
}

// CheckEffect is Check for a request that has an effect whatever its method.
func (g *Guard) CheckEffect(r *http.Request) error {
	if err := g.checkClient(r); err != nil {
		return err
	}
	write := *r
	write.Method = http.MethodPost
	return refuseOrigin(g.origin.Check(&write))
}

func refuseOrigin(err error) error {
	if err == nil {
		return nil
	}
	return Refuse(http.StatusForbidden, "%v: pages of other sites may not write here", err)
}

func (g *Guard) checkClient(r *http.Request) error {
	if g.token != "" && !g.hasToken(r.Header) {
		return Refuse(http.StatusUnauthorized, "expected Authorization: Bearer <the token in the node's --token-file>").With("WWW-Authenticate", "Bearer")
	}
	if g.localHost && !isLocalHost(r.Host) {
		return Refuse(http.StatusMisdirectedRequest, "Host %q is not this machine: use localhost or 127.0.0.1, or start the node with --token-file, --tls-cert or --insecure", Clip(r.Host))
	}
	return nil
}

func (g *Guard) hasToken(header http.Header) bool {
	values := header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) == 1
}

// isLocalHost reports whether a Host header names this machine. HTTP/1.0 has none,
// but no browser speaks that.
func isLocalHost(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		return isLoopback(name)
	}
	return isLoopback(strings.Trim(host, "[]"))
}
