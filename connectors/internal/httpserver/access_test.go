package httpserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListenPolicy(t *testing.T) {
	t.Parallel()
	tlsFiles := Access{TLSCert: "cert.pem", TLSKey: "key.pem"}
	for _, c := range []struct {
		address string
		access  Access
		want    string // part of the error, empty: none
	}{
		{"127.0.0.1:8080", Access{}, ""},
		{"127.9.9.9:0", Access{}, ""},
		{"[::1]:8080", Access{}, ""},
		{"localhost:8080", Access{}, ""},
		{"LocalHost.:8080", Access{}, ""},
		{"a.localhost:8080", Access{}, ""},
		{"0.0.0.0:8080", Access{}, "set --tls-cert and --tls-key, or --token-file, or --insecure"},
		{":8080", Access{}, ":8080 is not a loopback address"},
		{"[::]:8080", Access{}, "not a loopback address"},
		{"192.168.0.1:8080", Access{}, "not a loopback address"},
		{"example.com:8080", Access{}, "not a loopback address"},
		{"localhost.example.com:8080", Access{}, "not a loopback address"},
		{"[::ffff:127.0.0.1]:80", Access{}, ""},
		{"0.0.0.0:8080", tlsFiles, ""},
		{"0.0.0.0:8080", Access{TokenFile: "token"}, ""},
		{"0.0.0.0:8080", Access{Insecure: true}, ""},
		{"127.0.0.1", Access{}, "expected HOST:PORT"},
		{"127.0.0.1:8080", Access{TLSCert: "cert.pem"}, `--tls-key is "": set both or none`},
	} {
		err := c.access.Check(c.address)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: got %v, want %q", c.address, c.access, err, c.want)
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ content, want string }{
		{"", "the token has 0 bytes, expected at least 16"},
		{"  fifteen-bytes..\n", "has 15 bytes"},
		{"sixteen bytes ...", "characters that a header cannot have"},
		{"sixteen-byteß-ß-", "visible ASCII"},
	} {
		_, err := (&Access{TokenFile: write(t, "token", c.content)}).token()
		if err == nil || !strings.Contains(err.Error(), c.want) || c.content != "" && strings.Contains(err.Error(), strings.TrimSpace(c.content)) {
			t.Errorf("%q: got %v, want %q", c.content, err, c.want)
		}
	}
	if _, err := (&Access{TokenFile: "/no/such/file"}).token(); err == nil {
		t.Error("no error for a missing file")
	}
	if got, err := (&Access{TokenFile: write(t, "token", "\n0123456789abcdef \n")}).token(); got != "0123456789abcdef" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
