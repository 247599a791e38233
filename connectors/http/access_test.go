package http

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	n := start(t, func(_ *actors.Options, o *Options) { o.TokenFile = write(t, "token", token+"\n") })
	one := functions.Int64.Of(1)
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0", "Basic " + token, token} {
		n.send("/test/counter/x", one, "Authorization", header).expect(t, 401, "--token-file").expectHeader(t, "WWW-Authenticate", "Bearer")
	}
	n.send("/test/counter/x", one, "Authorization", "Bearer "+token, "Authorization", "Bearer "+token).expect(t, 401)
	for _, path := range []string{"/metrics", "/io.statefun/status", "/test/counter/x/state", "/io.statefun/quarantine"} {
		n.do("GET", path, "").expect(t, 401)
		n.do("GET", path, "", "Authorization", "bearer "+token).expect(t, 200)
	}
	n.call("/test/counter/x", one, "Authorization", "Bearer "+token, "Host", "example.com").expectInt(t, 1)
	n.do("GET", "/healthz", "").expect(t, 200)
	n.do("GET", "/readyz", "").expect(t, 200)
}

func TestHosts(t *testing.T) {
	t.Parallel()
	n := start(t)
	one := functions.Int64.Of(1)
	for _, host := range []string{"localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:8080", "app.localhost:80", "localhost."} {
		n.send("/test/counter/x", one, "Host", host).expect(t, 202)
	}
	for _, host := range []string{"example.com", "example.com:8080", "192.168.0.1", "localhost.example.com", "127.0.0.1.example.com:80", "[fe80::1]:80"} {
		n.send("/test/counter/x", one, "Host", host).expect(t, 421, "Host", host, "--token-file")
		n.do("GET", "/test/counter/x/state", "", "Host", host).expect(t, 421)
		n.do("GET", "/healthz", "", "Host", host).expect(t, 200)
	}
	n = start(t, func(_ *actors.Options, o *Options) { o.Insecure = true })
	n.send("/test/counter/x", one, "Host", "example.com").expect(t, 202)
}

func TestOtherSites(t *testing.T) {
	t.Parallel()
	n := start(t)
	one, own := functions.Int64.Of(1), n.server.URL()
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"Origin", own, 202},
		{"Origin", "https://example.com", 403},
		{"Origin", "http://localhost:3000", 403},
		{"Origin", "null", 403},
		{"Sec-Fetch-Site", "same-origin", 202},
		{"Sec-Fetch-Site", "none", 202},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
	} {
		n.send("/test/counter/x", one, c.name, c.value).expect(t, c.status)
	}
	n.do("POST", "/io.statefun/purge", "{}", "Origin", "https://example.com").expect(t, 403, "pages of other sites")
	n.do("GET", "/test/counter/x/state", "", "Origin", "https://example.com").expect(t, 200).expectHeader(t, "Access-Control-Allow-Origin", "")
}

// certificate makes a certificate of its own authority for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return write(t, "cert.pem", string(certPEM)), write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))), pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	n := start(t, func(_ *actors.Options, o *Options) { o.TLSCert, o.TLSKey = cert, key })
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
		n.client = &http.Client{Transport: transport}
		a := n.call("/test/counter/a%2Fb", functions.Int64.Of(1)).expect(t, 200)
		if want := map[bool]int{true: 2, false: 1}[h2]; a.ProtoMajor != want {
			t.Errorf("HTTP/%d, want %d", a.ProtoMajor, want)
		}
		n.send("/test/silent/x?call&timeout=20ms", functions.Int64.Of(1)).expect(t, 504)
		n.do("GET", "/test/counter/a%2Fb/state/count", "", "Accept", "application/json").expect(t, 200)
		n.client.CloseIdleConnections()
	}
	if !strings.HasPrefix(n.server.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", n.server.URL())
	}
	a := n.exchange("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if a.StatusCode != 400 {
		t.Errorf("status %d of plain HTTP", a.StatusCode)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	env := environment.Real()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: taken.Addr().String()}, "is another node running? Choose another address with --http"},
		{Options{Address: "0.0.0.0:0"}, "--insecure"},
		{Options{Address: "127.0.0.1:0", Access: Access{TokenFile: "/no/such"}}, "--token-file: open /no/such"},
		{Options{Address: "127.0.0.1:0", Access: Access{TLSCert: "/no/such", TLSKey: "/no/such"}}, "--tls-cert /no/such"},
		{Options{Address: "127.0.0.1:0", MaxBodyBytes: -1}, "MaxBodyBytes: -1"},
		{Options{Address: "127.0.0.1:0", CallTimeout: time.Hour}, "MaxCallTimeout: 10m0s is less than the CallTimeout, 1h0m0s"},
	} {
		c.o.Environment, c.o.Node = env, &fake{}
		s := New(c.o)
		if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// elsewhere listens somewhere else than asked to, as with a name that is not what
// it says.
type elsewhere struct{ environment.Transport }

func (e elsewhere) Listen(ctx context.Context, network, _ string) (net.Listener, error) {
	return e.Transport.Listen(ctx, network, "0.0.0.0:0")
}

func TestStartLooksWhereItListens(t *testing.T) {
	t.Parallel()
	env := environment.Real()
	env.Transport = elsewhere{env.Transport}
	err := New(Options{Environment: env, Node: &fake{}, Address: "localhost:0"}).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("got %v", err)
	}
}
