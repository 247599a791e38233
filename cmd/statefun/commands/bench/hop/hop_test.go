package hop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func message(c Chain, rest string) []byte {
	b := append(make([]byte, Bytes), rest...)
	c.Put(b)
	return b
}

func TestNext(t *testing.T) {
	t.Parallel()
	for left, want := range map[uint16]Step{
		0: {},
		1: {Message: message(Chain{0, 50, 7}, "rest"), Ends: true},
		2: {Message: message(Chain{1, 50, 7}, "rest"), To: "some"},
		9: {Message: message(Chain{8, 50, 7}, "rest"), To: "some"},
	} {
		in := message(Chain{left, 50, 7}, "rest")
		before := string(in)
		got, err := Next(in)
		if err != nil || !bytes.Equal(got.Message, want.Message) || got.Ends != want.Ends || (got.To == "") != (want.To == "") {
			t.Errorf("%d left: got %+v, %v", left, got, err)
		}
		if n, err := strconv.Atoi(got.To); got.To != "" && (err != nil || n < 0 || n >= 50) {
			t.Errorf("%d left: it goes to %q", left, got.To)
		}
		if string(in) != before {
			t.Errorf("%d left: the message was changed", left)
		}
	}
	if _, err := Next(make([]byte, Bytes-1)); err == nil || !strings.Contains(err.Error(), "expected a message of 14 bytes or more, found 13") {
		t.Errorf("got %v", err)
	}
}

// start serves, and returns the URL and how it ended.
func start(t *testing.T, ctx context.Context, in io.Reader) (url string, ended <-chan error) { //nolint:revive // t first
	t.Helper()
	out, said := io.Pipe()
	end := make(chan error, 1)
	go func() {
		end <- Serve(ctx, in, said, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
	}()
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(line[:n]), "\n"), end
}

func TestServe(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"context", "input"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, stop := io.Pipe()
			url, ended := start(t, ctx, in)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			var transport http.Transport
			answer, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "served" {
				t.Errorf("got %q, %v", body, err)
			}
			_ = answer.Body.Close()
			transport.CloseIdleConnections()
			if end == "context" {
				cancel()
			} else {
				_ = stop.Close()
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			_ = stop.Close()
		})
	}
}

type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("deaf") }

func TestServeToNobody(t *testing.T) {
	t.Parallel()
	if err := Serve(t.Context(), strings.NewReader(""), deaf{}, http.NotFoundHandler()); err == nil || err.Error() != "deaf" {
		t.Errorf("got %v", err)
	}
}
