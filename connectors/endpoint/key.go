package endpoint

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	plainKey     = "PRIVATE KEY"
	encryptedKey = "ENCRYPTED PRIVATE KEY"
)

// decryptKey returns the first private key of a PEM file in a form that package
// tls takes.
func decryptKey(file, password []byte) ([]byte, error) {
	for block := range pemBlocks(file) {
		switch {
		case block.Type == plainKey:
			return pem.EncodeToMemory(block), nil
		case block.Type == encryptedKey:
			if password == nil {
				return nil, errors.New("the key is encrypted: its password is needed")
			}
			der, err := decryptPKCS8(block.Bytes, password)
			if err != nil {
				return nil, err
			}
			return pem.EncodeToMemory(&pem.Block{Type: plainKey, Bytes: der}), nil
		case block.Type != "RSA PRIVATE KEY" && block.Type != "EC PRIVATE KEY":
			continue // a certificate, or parameters of a curve
		case block.Headers["DEK-Info"] != "":
			return nil, fmt.Errorf("%s is encrypted in OpenSSL's own format; expected PKCS #8: openssl pkcs8 -topk8 makes one of it", block.Type)
		}
		return pem.EncodeToMemory(block), nil
	}
	return nil, errors.New("expected a private key in PEM, found none")
}

// errPassword does not tell a wrong password from damage: padding cannot.
var errPassword = errors.New("the key cannot be decrypted: the password is wrong, or the file is damaged")

// decryptPKCS8 decrypts an EncryptedPrivateKeyInfo (RFC 5958).
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("expected an EncryptedPrivateKeyInfo of PKCS #8, found something else")
	}
	oid := info.Algorithm.Algorithm
	var plain []byte
	var err error
	if oid.Equal(oidPBES2) {
		plain, err = decryptPBES2(info.Algorithm.Parameters.FullBytes, info.Data, password)
	} else {
		plain, err = decryptPBE(oid, info.Algorithm.Parameters.FullBytes, info.Data, password)
	}
	if err != nil {
		return nil, err
	}
	// A wrong password may leave padding that looks right, once in 256 times.
	var key asn1.RawValue
	if rest, err := asn1.Unmarshal(plain, &key); err != nil || len(rest) > 0 || key.Tag != asn1.TagSequence {
		return nil, errPassword
	}
	return plain, nil
}
