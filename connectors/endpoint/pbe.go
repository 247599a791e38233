package endpoint

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what keys are encrypted with
	"crypto/md5" //nolint:gosec // likewise
	"crypto/pbkdf2"
	"crypto/rc4"  //nolint:gosec // likewise
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"unicode/utf16"
)

// Password-based encryption of private keys: PBES2 and PBES1 of RFC 8018, and the
// schemes of RFC 7292, appendix C, that keytool and old versions of OpenSSL use.

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	oidMD5AndDES    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 3}
	oidSHA1AndDES   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 10}
	oidSHA1AndRC4   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 1}
	oidSHA1AndRC440 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 2}
	oidSHA1And3DES  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
	oidSHA1And2DES  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 4}
)

// maxIterations bounds the work that a file can ask for.
const maxIterations = 20_000_000

const supported = "expected PBES2 with PBKDF2 and AES or 3DES, or PBE with SHA1 and 3DES or RC4, or with DES"

// pbes2Params are RFC 8018's, appendix A.4.
type pbes2Params struct {
	KDF, Encryption pkix.AlgorithmIdentifier
}

// pbkdf2Params are RFC 8018's, appendix A.2.
type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

func decryptPBES2(params, data, password []byte) ([]byte, error) {
	var p pbes2Params
	if _, err := asn1.Unmarshal(params, &p); err != nil {
		return nil, fmt.Errorf("parameters of PBES2: %w", err)
	}
	if !p.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("the key is derived by %v; %s", p.KDF.Algorithm, supported)
	}
	var k pbkdf2Params
	if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &k); err != nil {
		return nil, fmt.Errorf("parameters of PBKDF2: %w", err)
	}
	prf, ok := prfs[k.PRF.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("the key is derived with %v; expected HMAC with SHA1 or SHA2", k.PRF.Algorithm)
	}
	c, ok := ciphers[p.Encryption.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("the key is encrypted with %v; %s", p.Encryption.Algorithm, supported)
	}
	var iv []byte
	if _, err := asn1.Unmarshal(p.Encryption.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("the initial vector: %w", err)
	}
	if err := checkIterations(k.Iterations); err != nil {
		return nil, err
	}
	key, err := pbkdf2.Key(prf, string(password), k.Salt, k.Iterations, c.key)
	if err != nil {
		return nil, err
	}
	return c.decrypt(key, iv, data)
}

func checkIterations(n int) error {
	if n < 1 || n > maxIterations {
		return fmt.Errorf("%d iterations: expected 1 to %d", n, maxIterations)
	}
	return nil
}

// prfs are the hashes of HMAC by the algorithm's identifier; none is SHA1.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

// blockCipher in CBC mode.
type blockCipher struct {
	key int // length in bytes
	new func(key []byte) (cipher.Block, error)
}

var ciphers = map[string]blockCipher{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	"1.3.14.3.2.7":            {8, des.NewCipher},
}

// decrypt removes the padding, too (RFC 8018, 6.1.1).
func (c blockCipher) decrypt(key, iv, data []byte) ([]byte, error) {
	b, err := c.new(key)
	if err != nil {
		return nil, err
	}
	size := b.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("the encrypted key is damaged: it does not fit its cipher")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size {
		return nil, errPassword
	}
	for _, c := range plain[len(plain)-pad:] {
		if int(c) != pad {
			return nil, errPassword
		}
	}
	return plain[:len(plain)-pad], nil
}

// decryptPBE is for the schemes before PBES2.
func decryptPBE(oid asn1.ObjectIdentifier, params, data, password []byte) ([]byte, error) {
	var p struct {
		Salt       []byte
		Iterations int
	}
	if _, err := asn1.Unmarshal(params, &p); err != nil {
		return nil, fmt.Errorf("the key is encrypted with %v; %s", oid, supported)
	}
	if err := checkIterations(p.Iterations); err != nil {
		return nil, err
	}
	derive := func(id byte, n int) []byte { return pkcs12Key(password, p.Salt, id, p.Iterations, n) }
	switch {
	case oid.Equal(oidSHA1AndRC4):
		return decryptRC4(derive(pkcs12KeyID, 16), data)
	case oid.Equal(oidSHA1AndRC440):
		return decryptRC4(derive(pkcs12KeyID, 5), data)
	case oid.Equal(oidSHA1And3DES):
		return blockCipher{24, des.NewTripleDESCipher}.decrypt(derive(pkcs12KeyID, 24), derive(pkcs12IVID, des.BlockSize), data)
	case oid.Equal(oidSHA1And2DES):
		key := derive(pkcs12KeyID, 16)
		return blockCipher{24, des.NewTripleDESCipher}.decrypt(append(key, key[:8]...), derive(pkcs12IVID, des.BlockSize), data)
	case oid.Equal(oidMD5AndDES):
		dk := pbkdf1(md5.New(), password, p.Salt, p.Iterations)
		return blockCipher{8, des.NewCipher}.decrypt(dk[:8], dk[8:16], data)
	case oid.Equal(oidSHA1AndDES):
		dk := pbkdf1(sha1.New(), password, p.Salt, p.Iterations)
		return blockCipher{8, des.NewCipher}.decrypt(dk[:8], dk[8:16], data)
	}
	return nil, fmt.Errorf("the key is encrypted with %v; %s", oid, supported)
}

func decryptRC4(key, data []byte) ([]byte, error) {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(data))
	c.XORKeyStream(plain, data)
	return plain, nil
}

// pbkdf1 is RFC 8018's, 5.1.
func pbkdf1(h hash.Hash, password, salt []byte, iterations int) []byte {
	h.Write(password)
	h.Write(salt)
	dk := h.Sum(nil)
	for range iterations - 1 {
		h.Reset()
		h.Write(dk)
		dk = h.Sum(dk[:0])
	}
	return dk
}

// What pkcs12Key derives (RFC 7292, B.3).
const (
	pkcs12KeyID = 1
	pkcs12IVID  = 2
)

// pkcs12Key derives n bytes with SHA1 (RFC 7292, B.2). The password is in UTF-16,
// with a zero at its end.
func pkcs12Key(password, salt []byte, id byte, iterations, n int) []byte {
	const u, v = sha1.Size, sha1.BlockSize
	var text []byte
	for _, c := range append(utf16.Encode([]rune(string(password))), 0) {
		text = append(text, byte(c>>8), byte(c))
	}
	d := make([]byte, v)
	for i := range d {
		d[i] = id
	}
	in := append(repeat(salt, v), repeat(text, v)...)
	var out []byte
	for len(out) < n {
		a := sha1.Sum(append(d[:v:v], in...))
		for range iterations - 1 {
			a = sha1.Sum(a[:])
		}
		out = append(out, a[:u]...)
		// Each block of in becomes in + B + 1, modulo 2^(8v).
		b := repeat(a[:], v)[:v]
		for block := in; len(block) > 0; block = block[v:] {
			carry := uint(1)
			for i := v - 1; i >= 0; i-- {
				carry += uint(block[i]) + uint(b[i])
				block[i] = byte(carry)
				carry >>= 8
			}
		}
	}
	return out[:n]
}

// repeat fills whole blocks of v bytes with copies of b, none if it is empty.
func repeat(b []byte, v int) []byte {
	if len(b) == 0 {
		return nil
	}
	out := make([]byte, 0, (len(b)+v-1)/v*v)
	for len(out) < cap(out) {
		out = append(out, b[:min(len(b), cap(out)-len(out))]...)
	}
	return out
}
