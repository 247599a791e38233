package endpoint

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/keys holds one key, made once with OpenSSL 3.0, in many forms:
//
//	openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
//	openssl pkcs8 -topk8 -nocrypt -in ec.pem -out plain.pem
//	openssl pkcs8 -topk8 -v1 $V -provider legacy -provider default -in ec.pem -out v1-$V.pem -passout pass:s3cret-ü
//	openssl pkcs8 -topk8 -v2 $V -in ec.pem -out v2-$V.pem -passout pass:s3cret-ü
//	openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf $P -in ec.pem -out v2-aes-256-cbc-$P.pem -passout pass:s3cret-ü
//	openssl pkcs8 -topk8 -scrypt -in ec.pem -out v2-scrypt.pem -passout pass:s3cret-ü
//	openssl ec -aes128 -in ec.pem -out traditional.pem -passout pass:s3cret-ü
const keyPassword = "s3cret-ü"

func testKey(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "keys", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// COMPAT 48: every scheme that old and new versions of OpenSSL and keytool use.
func TestDecryptKey(t *testing.T) {
	t.Parallel()
	block, _ := pem.Decode(testKey(t, "plain"))
	for _, name := range []string{
		"plain", "ec",
		"v1-PBE-SHA1-RC4-128", "v1-PBE-SHA1-RC4-40", "v1-PBE-SHA1-3DES", "v1-PBE-SHA1-2DES", "v1-PBE-MD5-DES", "v1-PBE-SHA1-DES",
		"v2-aes-128-cbc", "v2-aes-192-cbc", "v2-aes-256-cbc", "v2-des3", "v2-aes-256-cbc-hmacWithSHA1", "v2-aes-256-cbc-hmacWithSHA512",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := testKey(t, name)
			got, err := decryptKey(append([]byte("text before\n"), file...), []byte(keyPassword))
			if err != nil {
				t.Fatal(err)
			}
			key, _ := pem.Decode(got)
			want := block.Bytes
			if name == "ec" {
				ec, err := x509.ParseECPrivateKey(key.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				if key.Bytes, err = x509.MarshalPKCS8PrivateKey(ec); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(key.Bytes, want) {
				t.Error("another key")
			}
			if name == "plain" || name == "ec" {
				return
			}
			for _, password := range []string{"", "s3cret", keyPassword + "\n"} {
				if _, err := decryptKey(file, []byte(password)); err == nil || err.Error() != errPassword.Error() {
					t.Errorf("password %q: got %v", password, err)
				}
			}
		})
	}
}

func TestUndecryptableKeys(t *testing.T) {
	t.Parallel()
	encrypted := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: encryptedKey, Bytes: der}) }
	block, _ := pem.Decode(testKey(t, "v2-aes-256-cbc"))
	for name, c := range map[string]struct {
		file     []byte
		password []byte
		want     string
	}{
		"no password":     {testKey(t, "v2-des3"), nil, "its password is needed"},
		"traditional":     {testKey(t, "traditional"), []byte(keyPassword), "openssl pkcs8 -topk8"},
		"scrypt":          {testKey(t, "v2-scrypt"), []byte(keyPassword), "the key is derived by 1.3.6.1.4.1.11591.4.11"},
		"RC2":             {testKey(t, "v1-PBE-SHA1-RC2-40"), []byte(keyPassword), "the key is encrypted with 1.2.840.113549.1.12.1.6; expected PBES2"},
		"empty":           {nil, nil, "expected a private key in PEM, found none"},
		"no key":          {[]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), nil, "found none"},
		"no DER":          {encrypted([]byte("x")), []byte("x"), "expected an EncryptedPrivateKeyInfo"},
		"truncated":       {encrypted(block.Bytes[:len(block.Bytes)-1]), []byte("x"), "expected an EncryptedPrivateKeyInfo"},
		"bytes behind it": {encrypted(append(bytes.Clone(block.Bytes), 0)), []byte("x"), "expected an EncryptedPrivateKeyInfo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := decryptKey(c.file, c.password); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Whatever a file has in it, it is refused or read. A flipped bit is seen, or harms nothing.
func FuzzDecryptPKCS8(f *testing.F) {
	for _, name := range []string{"v1-PBE-SHA1-RC4-128", "v1-PBE-SHA1-3DES", "v1-PBE-MD5-DES", "v2-aes-128-cbc", "v2-des3"} {
		b, err := os.ReadFile(filepath.Join("testdata", "keys", name+".pem"))
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(b)
		f.Add(block.Bytes, []byte(keyPassword))
	}
	f.Fuzz(func(t *testing.T, der, password []byte) {
		if iterationsOf(der) > 10_000 {
			return // it would take long
		}
		if key, err := decryptPKCS8(der, password); err == nil && len(key) == 0 {
			t.Error("an empty key")
		}
	})
}

// iterationsOf is more than any count that der may have.
func iterationsOf(der []byte) int {
	most := 0
	for i := 0; i+2 < len(der); i++ {
		if der[i] != 2 || int(der[i+1]) > 4 { // an INTEGER
			continue
		}
		n := 0
		for _, c := range der[i+2 : min(len(der), i+2+int(der[i+1]))] {
			n = n<<8 | int(c)
		}
		most = max(most, n)
	}
	return most
}
