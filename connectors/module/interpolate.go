package module

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxSecretBytes is the largest file that ${file:…} takes.
const maxSecretBytes = 64 << 10

// references follows the references of the scalars of one file.
type references struct {
	lookupEnv func(string) (string, bool)
	dir       string // of the module file
}

// follow replaces every reference in s. found tells whether there was one. Errors
// name the reference, and never what one yields.
func (r *references) follow(s string) (out string, found bool, err error) {
	if !strings.Contains(s, "${") {
		return s, false, nil
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "${")
		if !ok {
			b.WriteString(s)
			return b.String(), found, nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped)
			b.WriteString("${")
			s = after
			continue
		}
		b.WriteString(before)
		reference, rest, ok := strings.Cut(after, "}")
		if !ok {
			return "", true, fmt.Errorf("expected a } that ends the reference (or $${ for the characters ${), found %s", quote("${"+after))
		}
		yields, err := r.resolve(reference)
		if err != nil {
			return "", true, err
		}
		b.WriteString(yields)
		s, found = rest, true
	}
}

func (r *references) resolve(reference string) (string, error) {
	if path, ok := strings.CutPrefix(reference, "file:"); ok {
		return r.readFile(path)
	}
	name, fallback, hasFallback := strings.Cut(reference, ":-")
	if !isVariable(name) {
		return "", fmt.Errorf("expected ${NAME}, ${NAME:-default} or ${file:/path} (or $${ for the characters ${), found %s", quote("${"+reference+"}"))
	}
	value, set := r.lookupEnv(name)
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("expected the environment variable %s to be set (or a default: ${%s:-default}), it is not", clipped(name), clipped(name))
	case !utf8.ValidString(value):
		return "", fmt.Errorf("expected text in UTF-8 in the environment variable %s, found other bytes", clipped(name))
	}
	return value, nil
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func (r *references) readFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("expected the path of a file, found ${file:}")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	b, err := readBounded(path, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("expected a file that can be read: %w", err)
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("expected text in UTF-8 in the file %s, found other bytes", path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	err = errors.Join(err, f.Close())
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, err
}
