package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// reach looks up the server's name, connects to all its addresses, and shakes hands if
// there is TLS. It returns the addresses that can be reached.
func (c *checker) reach(parent context.Context) (addresses []string, ok bool) {
	ctx, cancel := context.WithTimeout(parent, c.options.Timeout)
	defer cancel()
	candidates := []string{c.door.Address}
	if c.door.Network == "tcp" {
		if candidates = c.lookup(ctx); len(candidates) == 0 {
			return nil, false
		}
	}
	var last error
	var refused []string
	for _, a := range candidates {
		conn, err := new(net.Dialer).DialContext(ctx, c.door.Network, a)
		if err != nil {
			last = err
			refused = append(refused, a)
			continue
		}
		_ = conn.Close() // it carried nothing
		addresses = append(addresses, a)
	}
	switch {
	case parent.Err() != nil:
		return nil, false
	case len(addresses) == 0:
		c.failed("connect", fmt.Sprintf("no connection to %s: %v", strings.Join(candidates, ", "), last), connectAdvice(last))
		return nil, false
	case len(refused) > 0 && !isLoopback(c.door.Host):
		c.note("connect", fmt.Sprintf("no connection to %s (%v), only to %s", strings.Join(refused, ", "), last, strings.Join(addresses, ", ")),
			"the runtime uses all addresses of a name in turns, and goes on to the next when one is away; take dead ones out of the name")
	default:
		c.ok("connect", "connected to %s", strings.Join(addresses, ", "))
	}
	if c.door.TLS == nil {
		return addresses, true
	}
	return addresses, c.handshakeTLS(ctx, addresses[0])
}

// isLoopback is for a name whose second address is often not listened on.
func isLoopback(host string) bool { return host == "localhost" }

func (c *checker) lookup(ctx context.Context) []string {
	_, port, err := net.SplitHostPort(c.door.Address)
	if err != nil {
		c.failed("name", err.Error(), "")
		return nil
	}
	if net.ParseIP(c.door.Host) != nil {
		return []string{c.door.Address}
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", c.door.Host)
	if err != nil || len(ips) == 0 {
		c.failed("name", fmt.Sprintf("%s has no address: %v", c.door.Host, err),
			"check the spelling; names of containers and services are known only inside their network")
		return nil
	}
	var addresses []string
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip.Unmap().String(), port))
	}
	c.ok("name", "%s is %s", c.door.Host, strings.Join(addresses, ", "))
	return addresses
}

func connectAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "start the server, or correct the port; inside a container, localhost is that container"
	case errors.Is(err, fs.ErrNotExist):
		return "the socket appears when the server listens on it; check its path"
	case errors.Is(err, fs.ErrPermission):
		return "the runtime's user needs to write to the socket"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH):
		return "nobody answers there: check the address, and what a firewall or network policy lets through"
	}
	return ""
}

// handshakeTLS shakes hands as the runtime does.
func (c *checker) handshakeTLS(ctx context.Context, address string) bool {
	raw, err := new(net.Dialer).DialContext(ctx, c.door.Network, address)
	if err != nil {
		c.failed("connect", err.Error(), connectAdvice(err))
		return false
	}
	conn := tls.Client(raw, c.door.TLS)
	defer conn.Close() //nolint:errcheck // it carried nothing
	if err := conn.HandshakeContext(ctx); err != nil {
		c.failed("tls", "no TLS: "+err.Error(), tlsAdvice(err))
		return false
	}
	s := conn.ConnectionState()
	leaf := s.PeerCertificates[0]
	what := fmt.Sprintf("%s, certificate %q, until %s", tls.VersionName(s.Version), leaf.Subject, leaf.NotAfter.UTC().Format("2006-01-02"))
	if !c.door.TLS.InsecureSkipVerify {
		c.ok("tls", "%s, for the host %s", what, c.door.Host)
		return true
	}
	if err := leaf.VerifyHostname(c.door.Host); err != nil {
		c.note("tls", what+"; its host name is not verified here, and would not do: "+err.Error(),
			"any server with a certificate of this authority is accepted; a certificate for "+c.door.Host+" and verifyHostname: true are safer")
		return true
	}
	c.note("tls", what+"; its host name is not verified here, and would do", "set verifyHostname: true")
	return true
}

func tlsAdvice(err error) string {
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	switch {
	case errors.As(err, &record):
		return "the server speaks no TLS on this port: use http in the URL, or the port that has TLS"
	case errors.As(err, &authority):
		return "name the file with the authority's certificate in the endpoint's transport: trust_cacerts (check it with -f module.yaml)"
	case errors.As(err, &host):
		return "a certificate for the host in the URL, or verifyHostname: false in the endpoint, as StateFun does"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the certificate, or correct the clock"
	case errors.As(err, &alert):
		return "the server refuses: if it asks for a certificate of the client, set client_cert and client_key in the endpoint's transport"
	}
	return ""
}
