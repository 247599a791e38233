package check_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions/protocol"
)

// answers to a request for the function that are wrong in HTTP or in their bytes.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	send := func(contentType string, status int, change func([]byte) []byte) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, b []byte) bool {
			if contentType == "" {
				w.Header()["Content-Type"] = nil
			} else {
				w.Header().Set("Content-Type", contentType)
			}
			w.WriteHeader(status)
			_, _ = w.Write(change(b))
			return true
		}
	}
	fixed := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	same := func(b []byte) []byte { return b }
	header := func(name, value string) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, b []byte) bool {
			w.Header().Set(name, value)
			return send(protocol.ContentType, 200, same)(w, nil, b)
		}
	}
	for name, c := range map[string]struct {
		http  func(http.ResponseWriter, *http.Request, []byte) bool
		parts []string
	}{
		// COMPAT 39
		"empty without type": {send("", 200, fixed("")), []string{"an empty answer with status 200 and no Content-Type", "playground server for Java", "answer 500"}},
		"no type":            {send("", 200, same), []string{"expected the Content-Type application/octet-stream, found none"}},
		"parameters":         {send("application/octet-stream; charset=utf-8", 200, same), []string{"charset", "without parameters"}},
		"JSON":               {send("application/json", 200, fixed(`{"invocation_result": {}}`)), []string{`found "application/json"`, "looks like JSON"}},
		"JSON as octets":     {send(protocol.ContentType, 200, fixed(`{"a": 1}`)), []string{"no FromFunction", "7b 22", "looks like JSON"}},
		"HTML":               {send("text/html", 200, fixed("<!DOCTYPE html><p>Hi")), []string{"looks like HTML", "check the URL"}},
		"base64": {send(protocol.ContentType, 200, func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }),
			[]string{"base64", "isBase64Encoded"}},
		"framed": {send(protocol.ContentType, 200, func(b []byte) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
		}), []string{"gRPC"}},
		"delimited": {send(protocol.ContentType, 200, func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }), []string{"writeDelimitedTo"}},
		"unlabelled gzip": {send(protocol.ContentType, 200, func(b []byte) []byte {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b)
			_ = w.Close()
			return z.Bytes()
		}), []string{"looks like gzip", "Content-Encoding: gzip"}},
		"another message": {send(protocol.ContentType, 200, fixed("\x0a\x02hi")), []string{"neither invocation_result", "0a 02"}},
		"text":            {send(protocol.ContentType, 200, fixed("oh no")), []string{"looks like text", "status 500"}},
		"brotli":          {header("Content-Encoding", "br"), []string{`"br"`, "gzip, deflate or none", "gzip,deflate"}},
		"not gzip":        {header("Content-Encoding", "gzip"), []string{"not in its Content-Encoding, gzip"}},
		"500":             {send("text/plain", 500, fixed("division by zero")), []string{"expected the status 200, found 500", "division by zero", "log of the server"}},
		"401":             {send("text/plain", 401, fixed("")), []string{"found 401", "headers in module.yaml"}},
		"404":             {send("text/plain", 404, fixed("")), []string{"found 404", "path of the URL"}},
		"405":             {send("text/plain", 405, fixed("")), []string{"found 405", "POST"}},
		"413":             {send("text/plain", 413, fixed("")), []string{"found 413", "small requests"}},
		"415":             {send("text/plain", 415, fixed("")), []string{"found 415", protocol.ContentType}},
		"503":             {send("text/plain", 503, fixed("")), []string{"found 503", "try again"}},
		"504":             {send("text/plain", 504, fixed("")), []string{"found 504", "proxy"}},
		"redirect":        {send("text/plain", 307, fixed("")), []string{"found 307", "redirects are not followed"}},
		"connection breaks": {func(http.ResponseWriter, *http.Request, []byte) bool { panic(http.ErrAbortHandler) },
			[]string{"no answer", "crashed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{http: c.http})), check.Failed, "handshake", c.parts...)
		})
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	for coding, pack := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	} {
		s := &server{http: func(w http.ResponseWriter, r *http.Request, b []byte) bool {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), coding) {
				return false
			}
			w.Header().Set("Content-Type", protocol.ContentType)
			w.Header().Set("Content-Encoding", coding)
			z := pack(w)
			_, _ = z.Write(b)
			_ = z.Close()
			return true
		}}
		want(t, run(t, start(t, s)), check.OK, "compression", coding)
	}
}
