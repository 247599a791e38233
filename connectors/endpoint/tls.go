package endpoint

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// TLS says whom the endpoint trusts and who it is. The files are PEM; a location is
// a path, which may have "file:" before it.
type TLS struct {
	// TrustCACerts are the only certificates that a server's chain may end in.
	// Defaults to the system's.
	TrustCACerts string
	// ClientCert and ClientKey are what the endpoint shows to a server that asks (mTLS):
	// a certificate with its chain, and its key: PKCS #8, encrypted or not, PKCS #1 or SEC 1.
	// Set both or none.
	ClientCert, ClientKey string
	// ClientKeyPassword is the file of the password that ClientKey is encrypted with.
	// A line break at its end does not count.
	ClientKeyPassword string
	// VerifyHostname says whether a server's certificate must be for the host of the
	// URL. Its chain is verified in any case. Defaults to what the profile does.
	VerifyHostname Hostname
}

// Hostname says whether host names of certificates are verified.
type Hostname uint8

const (
	// HostnameOfProfile verifies in OkHTTP, and does not in Async, as StateFun.
	HostnameOfProfile Hostname = iota
	// HostnameVerified verifies.
	HostnameVerified
	// HostnameUnverified accepts every name, and certificates that have only a common name.
	HostnameUnverified
)

// maxTLSFile bounds each file of a TLS.
const maxTLSFile = 4 << 20

var errNotBuilt = errors.New("Could not build the ssl context.") //nolint:staticcheck,revive // StateFun's text

// config reads the files.
func (t *TLS) config(p Profile) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	if p == OkHTTP {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	if t.TrustCACerts != "" {
		pool, err := t.roots()
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = pool
	}
	if err := t.addClient(cfg); err != nil {
		return nil, err
	}
	switch verify := t.VerifyHostname; {
	case verify > HostnameUnverified:
		return nil, wrong("TLS.VerifyHostname", "expected 0 to %d, found %d", HostnameUnverified, verify)
	case verify == HostnameUnverified, verify == HostnameOfProfile && !p.defaults().verifyHostname:
		cfg.InsecureSkipVerify = true // of package tls; the chain is verified here
		cfg.VerifyConnection = verifyChain(cfg.RootCAs)
	}
	return cfg, nil
}

// verifyChain is what package tls does, but for the name. It runs for resumed
// sessions, too.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the server has no certificate")
		}
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
}

func (t *TLS) roots() (*x509.CertPool, error) {
	const field = "TLS.TrustCACerts"
	b, err := readFile(t.TrustCACerts)
	if err != nil {
		return nil, wrong(field, "%w", err)
	}
	pool, found := x509.NewCertPool(), 0
	for block := range pemBlocks(b) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, wrong(field, "%w %s: certificate %d: %w", errNotBuilt, t.TrustCACerts, found+1, err)
		}
		pool.AddCert(c)
		found++
	}
	if found == 0 {
		return nil, wrong(field, "%w %s: expected certificates in PEM, found none", errNotBuilt, t.TrustCACerts)
	}
	return pool, nil
}

func (t *TLS) addClient(cfg *tls.Config) error {
	switch {
	case t.ClientCert == "" && t.ClientKey == "":
		return nil
	case t.ClientCert == "":
		return wrong("TLS.ClientCert", "You need to provide both the cert and they key if you want to use mutual TLS. Found no certificate")
	case t.ClientKey == "":
		return wrong("TLS.ClientKey", "You need to provide both the cert and they key if you want to use mutual TLS. Found no key")
	}
	cert, err := readFile(t.ClientCert)
	if err != nil {
		return wrong("TLS.ClientCert", "%w", err)
	}
	key, err := readFile(t.ClientKey)
	if err != nil {
		return wrong("TLS.ClientKey", "%w", err)
	}
	password, err := t.password()
	if err != nil {
		return wrong("TLS.ClientKeyPassword", "%w", err)
	}
	der, err := decryptKey(key, password)
	if err != nil {
		return wrong("TLS.ClientKey", "%w %s: %w", errNotBuilt, t.ClientKey, err)
	}
	pair, err := tls.X509KeyPair(cert, der)
	if err != nil {
		return wrong("TLS.ClientCert", "%w %s, with the key %s: %w", errNotBuilt, t.ClientCert, t.ClientKey, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}

// password is nil if there is none.
func (t *TLS) password() ([]byte, error) {
	if t.ClientKeyPassword == "" {
		return nil, nil
	}
	b, err := readFile(t.ClientKeyPassword)
	if err != nil {
		return nil, fmt.Errorf("Could not read the key password from the file %s. Examples of the correct usage: 'classpath:file.txt' or '/path/to/pass', etc.: %w", //nolint:staticcheck // StateFun's text
			t.ClientKeyPassword, err)
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r")), nil
}

// readFile reads a location.
func readFile(location string) ([]byte, error) {
	path := location
	if rest, ok := strings.CutPrefix(location, "file:"); ok {
		path = rest
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			path = after // file:///path
		}
	}
	if rest, ok := strings.CutPrefix(location, "classpath:"); ok {
		return nil, fmt.Errorf("%s: there is no class path here; give the path of the file %s", location, rest)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("The requested resource does not exist. %w", err) //nolint:staticcheck // StateFun's text
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxTLSFile+1))
	if err == nil && len(b) > maxTLSFile {
		err = fmt.Errorf("%s: expected at most %d bytes", path, maxTLSFile)
	}
	return b, err
}

// pemBlocks yields the blocks of a file, whatever is between them.
func pemBlocks(b []byte) func(yield func(*pem.Block) bool) {
	return func(yield func(*pem.Block) bool) {
		for {
			block, rest := pem.Decode(b)
			if block == nil || !yield(block) {
				return
			}
			b = rest
		}
	}
}
