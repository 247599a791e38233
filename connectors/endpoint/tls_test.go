package endpoint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := newKey(t)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of which change makes what it should be.
func (a *authority) sign(t *testing.T, key *ecdsa.PrivateKey, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(tmpl)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func forLoopback(c *x509.Certificate) {
	c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
}

func forNobody(*x509.Certificate) {} // only a common name

// file writes PEM blocks.
func file(t *testing.T, blocks ...*pem.Block) string {
	t.Helper()
	var b []byte
	for _, block := range blocks {
		b = append(b, pem.EncodeToMemory(block)...)
	}
	return textFile(t, string(b))
}

func textFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func certFile(t *testing.T, der ...[]byte) string {
	t.Helper()
	var blocks []*pem.Block
	for _, d := range der {
		blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: d})
	}
	return file(t, blocks...)
}

// serveTLS answers with the version of HTTP, and the client's name.
func serveTLS(t *testing.T, cert tls.Certificate, clients *x509.CertPool) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		octets(w, fmt.Sprintf("%s sni=%q client=%q", r.Proto, r.TLS.ServerName, name))
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// COMPAT 47, 49: whom each profile trusts.
func TestServerCertificates(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	trusted, untrusted := certFile(t, other.cert.Raw, ca.cert.Raw), certFile(t, other.cert.Raw)
	good := ca.sign(t, newKey(t), forLoopback)
	commonName := ca.sign(t, newKey(t), forNobody)
	expired := ca.sign(t, newKey(t), func(c *x509.Certificate) { forLoopback(c); c.NotAfter = time.Now().Add(-time.Minute) })
	const h1, h2 = "HTTP/1.1", "HTTP/2.0"
	for name, c := range map[string]struct {
		cert          tls.Certificate
		tls           TLS
		async, okhttp string // what a response begins with, or a part of an error
	}{
		"own authority":               {good, TLS{TrustCACerts: trusted}, h1, h2},
		"file:":                       {good, TLS{TrustCACerts: "file:" + trusted}, h1, h2},
		"file://":                     {good, TLS{TrustCACerts: "file://" + trusted}, h1, h2},
		"system's roots":              {good, TLS{}, "unknown authority", "unknown authority"},
		"another authority":           {good, TLS{TrustCACerts: untrusted}, "unknown authority", "unknown authority"},
		"another, unverified":         {good, TLS{TrustCACerts: untrusted, VerifyHostname: HostnameUnverified}, "unknown authority", "unknown authority"},
		"expired":                     {expired, TLS{TrustCACerts: trusted}, "expired", "expired"},
		"expired, unverified":         {expired, TLS{TrustCACerts: trusted, VerifyHostname: HostnameUnverified}, "expired", "expired"},
		"only a common name":          {commonName, TLS{TrustCACerts: trusted}, h1, "unless the endpoint says not to verify host names"},
		"only a common name, but yes": {commonName, TLS{TrustCACerts: trusted, VerifyHostname: HostnameUnverified}, h1, h2},
		"only a common name, so no":   {commonName, TLS{TrustCACerts: trusted, VerifyHostname: HostnameVerified}, "expected a certificate for 127.0.0.1", "expected a certificate for 127.0.0.1"},
	} {
		for _, p := range bothProfiles {
			t.Run(name+"/"+p.String(), func(t *testing.T) {
				t.Parallel()
				e := open(t, Config{URL: serveTLS(t, c.cert, nil), Profile: p, TLS: c.tls})
				want := c.async
				if p == OkHTTP {
					want = c.okhttp
				}
				if !strings.HasPrefix(want, "HTTP") {
					f := mustFail(t, e, Connect, "no connection: the TLS handshake: ")
					if !strings.Contains(f.Error(), want) || f.Reached || !f.Retry {
						t.Errorf("got %v, want %q", f.Error(), want)
					}
					return
				}
				for range 3 { // a resumed session, too
					mustCall(t, e, "r", want+` sni="" client=""`)
				}
			})
		}
	}
}

// COMPAT 48: keys in the forms that StateFun's users have, for a server that asks for a certificate.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	trusted := certFile(t, ca.cert.Raw)
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	url := serveTLS(t, ca.sign(t, newKey(t), forLoopback), clients)
	block, _ := pem.Decode(testKey(t, "ec"))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	client := certFile(t, ca.sign(t, key, func(c *x509.Certificate) { c.Subject.CommonName = "runtime" }).Certificate[0])
	for _, name := range []string{"plain", "ec", "v1-PBE-SHA1-RC4-128", "v1-PBE-SHA1-3DES", "v2-aes-256-cbc"} {
		for _, p := range bothProfiles {
			for _, end := range []string{"", "\n", "\r\n"} {
				e := open(t, Config{URL: url, Profile: p, TLS: TLS{
					TrustCACerts: trusted, ClientCert: client, ClientKey: filepath.Join("testdata", "keys", name+".pem"),
					ClientKeyPassword: textFile(t, keyPassword+end),
				}})
				b, err := call(t, e, "r")
				if err != nil || !strings.HasSuffix(b, `client="runtime"`) {
					t.Errorf("%s, %v: got %q, %v", name, p, b, err)
				}
			}
		}
	}
	// In TLS 1.3 a client hears only with the first response that it was refused; whether
	// HTTP/2 hears why is a matter of luck.
	for _, p := range bothProfiles {
		_, err := call(t, open(t, Config{URL: url, Profile: p, TLS: TLS{TrustCACerts: trusted}}), "r")
		if f, ok := errors.AsType[*Failure](err); !ok || !f.Retry || f.Reached || p == Async && !strings.Contains(f.Error(), "certificate required") {
			t.Errorf("%v: got %v", p, err)
		}
	}
}

func TestNoTLSThere(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { octets(w, "") })
	for _, p := range bothProfiles {
		mustFail(t, open(t, Config{URL: strings.Replace(url, "http:", "https:", 1), Profile: p}), Connect, "expected a server that speaks TLS")
	}
	ca := newAuthority(t)
	secure := serveTLS(t, ca.sign(t, newKey(t), forLoopback), nil)
	for _, p := range bothProfiles {
		mustFail(t, open(t, Config{URL: strings.Replace(secure, "https:", "http:", 1), Profile: p}), Status, "code 400")
	}
}

// COMPAT 57: what is wrong with the files.
func TestTLSFiles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := certFile(t, ca.sign(t, newKey(t), forLoopback).Certificate[0])
	key := filepath.Join("testdata", "keys", "v2-aes-256-cbc.pem")
	for name, c := range map[string]struct {
		tls         TLS
		field, want string
	}{
		"no roots file":    {TLS{TrustCACerts: "/nowhere/ca.pem"}, "TLS.TrustCACerts", "The requested resource does not exist. open /nowhere/ca.pem"},
		"class path":       {TLS{TrustCACerts: "classpath:ca.pem"}, "TLS.TrustCACerts", "there is no class path here; give the path of the file ca.pem"},
		"empty roots":      {TLS{TrustCACerts: textFile(t, "")}, "TLS.TrustCACerts", "Could not build the ssl context."},
		"bad roots":        {TLS{TrustCACerts: certFile(t, []byte("x"))}, "TLS.TrustCACerts", "certificate 1: x509"},
		"huge":             {TLS{TrustCACerts: textFile(t, strings.Repeat("x", maxTLSFile+1))}, "TLS.TrustCACerts", "expected at most 4194304 bytes"},
		"only a cert":      {TLS{ClientCert: good}, "TLS.ClientKey", "You need to provide both the cert and they key if you want to use mutual TLS."},
		"only a key":       {TLS{ClientKey: key}, "TLS.ClientCert", "You need to provide both the cert and they key if you want to use mutual TLS."},
		"no cert file":     {TLS{ClientCert: "nowhere", ClientKey: key}, "TLS.ClientCert", "The requested resource does not exist."},
		"no key file":      {TLS{ClientCert: good, ClientKey: "nowhere"}, "TLS.ClientKey", "The requested resource does not exist."},
		"no password":      {TLS{ClientCert: good, ClientKey: key}, "TLS.ClientKey", "its password is needed"},
		"no password file": {TLS{ClientCert: good, ClientKey: key, ClientKeyPassword: "nowhere"}, "TLS.ClientKeyPassword", "Could not read the key password from the file nowhere. Examples of the correct usage: 'classpath:file.txt' or '/path/to/pass', etc."},
		"wrong password":   {TLS{ClientCert: good, ClientKey: key, ClientKeyPassword: textFile(t, "hush")}, "TLS.ClientKey", "the password is wrong"},
		"another's key":    {TLS{ClientCert: good, ClientKey: filepath.Join("testdata", "keys", "plain.pem")}, "TLS.ClientCert", "private key does not match"},
		"bad verification": {TLS{VerifyHostname: 9}, "TLS.VerifyHostname", "expected 0 to 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(Config{URL: "https://localhost/x", TLS: c.tls})
			if e, ok := errors.AsType[*ConfigError](err); !ok || e.Field != c.field || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want %s: %q", err, c.field, c.want)
			}
		})
	}
}
