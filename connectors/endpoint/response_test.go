package endpoint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll reads one response.
func readAll(src io.Reader, l limits) (h head, body []byte, done bool, err error) {
	r := &reader{src: src, limits: l}
	r.next()
	if h, err = r.head(); err != nil {
		return h, nil, false, err
	}
	body, done, err = r.body(&h, nil, l.body)
	return h, body, done && !h.close && !r.rest(), err
}

var testLimits = limits{head: 1 << 10, body: 1 << 10}

func TestResponses(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		text   string
		status int
		body   string
		reuse  bool
	}{
		"length":                    {ok + "Content-Length: 5\r\n\r\nhello", 200, "hello", true},
		"no reason":                 {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		"empty reason":              {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", true},
		"same length twice":         {ok + "Content-Length: 2\r\ncontent-length:2 \r\n\r\nhi", 200, "hi", true},
		"until the end":             {ok + "\r\nhello", 200, "hello", false},
		"chunks":                    {ok + "Transfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n003;x=\"y\"\r\nllo\r\n0\r\n\r\n", 200, "hello", true},
		"upper case chunk":          {ok + "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789", true},
		"trailers":                  {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: y\r\nZ:\r\n\r\n", 200, "x", true},
		"close":                     {ok + "Connection: x, Close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
		"HTTP/1.0":                  {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
		"HTTP/1.0 kept alive":       {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
		"interim":                   {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx", 200, "x", true},
		"204":                       {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		"204 with a length":         {"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", 204, "", false},
		"304 with a body":           {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc", 304, "", false},
		"bytes that belong to none": {ok + "Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n", 200, "x", false},
		"folded lines":              {ok + "X: a\r\n b\r\n\tc\r\nContent-Length:\r\n 1\r\n\r\nx", 200, "x", true},
		"folded last line":          {ok + "Content-Length: 1\r\nX: a\r\n  \r\n\r\nx", 200, "x", true},
		"bytes over 127":            {"HTTP/1.1 200 \xe4\xf6\r\nX: \xfc\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
		"unknown status":            {"HTTP/1.1 799 X\r\nContent-Length: 0\r\n\r\n", 799, "", true},
	} {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/byte by byte=%t", name, split), func(t *testing.T) {
				t.Parallel()
				var src io.Reader = strings.NewReader(c.text)
				if split {
					src = iotest.OneByteReader(src)
				}
				h, body, reuse, err := readAll(src, testLimits)
				if split && name == "bytes that belong to none" {
					reuse = false // they are not there yet
				}
				if err != nil || h.status != c.status || string(body) != c.body || reuse != c.reuse {
					t.Errorf("got %d %q, reuse=%t, %v; want %d %q, reuse=%t", h.status, body, reuse, err, c.status, c.body, c.reuse)
				}
			})
		}
	}
}

func TestBadResponses(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	long := strings.Repeat("x", testLimits.head)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                     {"", "unexpected EOF"},
		"half a head":                 {ok + "X: y\r\n", "unexpected EOF"},
		"no HTTP":                     {"hello\r\n\r\n", "status line \"hello\""},
		"HTTP/2":                      {"HTTP/2.0 200 OK\r\n\r\n", "status line"},
		"HTTP/1.2":                    {"HTTP/1.2 200 OK\r\n\r\n", "status line"},
		"short status":                {"HTTP/1.1 20\r\n\r\n", "status line"},
		"long status":                 {"HTTP/1.1 2000 OK\r\n\r\n", "status line"},
		"status 099":                  {"HTTP/1.1 099 OK\r\n\r\n", "status line"},
		"negative status":             {"HTTP/1.1 -20 OK\r\n\r\n", "status line"},
		"lines without CR":            {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "unexpected EOF"},
		"one line without CR":         {ok + "X: y\nContent-Length: 0\r\n\r\n", "control character"},
		"a lone CR":                   {ok + "X: y\rContent-Length: 0\r\n\r\n", "control character"},
		"a zero byte":                 {ok + "X: \x00\r\n\r\n", "control character"},
		"no colon":                    {ok + "X\r\n\r\n", "a name and a colon"},
		"no name":                     {ok + ": x\r\n\r\n", "a name and a colon"},
		"space before the colon":      {ok + "Content-Length : 5\r\n\r\nhello", "no name can have"},
		"first line folded":           {ok + " X: y\r\n\r\n", "begins with white space"},
		"two lengths":                 {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", "two lengths: Content-Length is 1, and 2"},
		"a list of lengths":           {ok + "Content-Length: 1, 1\r\n\r\nx", "expected digits"},
		"negative length":             {ok + "Content-Length: -1\r\n\r\n", "expected digits"},
		"signed length":               {ok + "Content-Length: +1\r\n\r\nx", "expected digits"},
		"empty length":                {ok + "Content-Length:\r\n\r\n", "up to 18 digits"},
		"huge length":                 {ok + "Content-Length: 18446744073709551617\r\n\r\nx", "up to 18 digits"},
		"folded length":               {ok + "Content-Length: 1\r\n 1\r\n\r\nx", "expected digits"},
		"length and chunks":           {ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "both Content-Length and Transfer-Encoding"},
		"chunks and length":           {ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "both Content-Length and Transfer-Encoding"},
		"chunked twice":               {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "expected chunked, once"},
		"gzip, chunked":               {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "expected chunked, once"},
		"xchunked":                    {ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "expected chunked, once"},
		"chunks in HTTP/1.0":          {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"},
		"switching protocols":         {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "nobody asked"},
		"interim for ever":            {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), "more than 8 responses 1xx"},
		"truncated":                   {ok + "Content-Length: 5\r\n\r\nhell", "unexpected EOF"},
		"no chunk":                    {chunked, "unexpected EOF"},
		"truncated chunk":             {chunked + "5\r\nhell", "unexpected EOF"},
		"no last chunk":               {chunked + "5\r\nhello\r\n", "unexpected EOF"},
		"no end of trailers":          {chunked + "0\r\nX: y\r\n", "unexpected EOF"},
		"chunk without digits":        {chunked + "\r\n", "expected hexadecimal digits"},
		"chunk of -1":                 {chunked + "-1\r\n", "expected hexadecimal digits"},
		"chunk of 0x1":                {chunked + "0x1\r\nx\r\n0\r\n\r\n", "expected hexadecimal digits"},
		"chunk that overflows":        {chunked + "10000000000000001\r\nx\r\n0\r\n\r\n", "expected hexadecimal digits"},
		"chunk longer than it says":   {chunked + "1\r\nxy\r\n0\r\n\r\n", "does not begin or end"},
		"chunk line without CR":       {chunked + "1\nx\r\n0\r\n\r\n", "hexadecimal digits"},
		"long chunk line":             {chunked + "1;" + strings.Repeat("x", maxChunkLine) + "\r\nx\r\n0\r\n\r\n", "does not begin or end"},
		"many chunk extensions":       {chunked + strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\nx\r\n", 10), "more chunk extensions"},
		"trailer without colon":       {chunked + "0\r\nhello\r\n\r\n", "the trailer"},
		"trailers over the limit":     {chunked + "0\r\nX: " + long + "\r\n\r\n", "head of the response is too large"},
		"head over the limit":         {ok + "X: " + long + "\r\n\r\n", "head of the response is too large"},
		"head without end":            {ok + "X: " + long + long, "head of the response is too large"},
		"status line without end":     {long + long, "head of the response is too large"},
		"length over the limit":       {ok + "Content-Length: 1025\r\n\r\n", "too large"},
		"chunks over the limit":       {chunked + "400\r\n" + strings.Repeat("x", 0x400) + "\r\n1\r\nx\r\n0\r\n\r\n", "too large"},
		"chunk over the limit":        {chunked + "fffffffffffffff\r\n", "too large"},
		"until the end, over a limit": {ok + "\r\n" + strings.Repeat("x", 1025), "too large"},
	} {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/byte by byte=%t", name, split), func(t *testing.T) {
				t.Parallel()
				var src io.Reader = strings.NewReader(c.text)
				if split {
					src = iotest.OneByteReader(src)
				}
				h, body, _, err := readAll(src, testLimits)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %d %q, %v; want %q", h.status, body, err, c.want)
				}
			})
		}
	}
}

// Limits are what may just be there.
func TestResponsesAtTheirLimits(t *testing.T) {
	t.Parallel()
	start := "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\nX: "
	full := start + strings.Repeat("x", testLimits.head-len(start)-4) + "\r\n\r\n" + strings.Repeat("b", 1024)
	for _, text := range []string{
		full,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + strings.Repeat("b", 512) + "\r\n200\r\n" + strings.Repeat("b", 512) + "\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("b", 1024),
	} {
		if _, body, _, err := readAll(strings.NewReader(text), testLimits); err != nil || len(body) != 1024 {
			t.Errorf("got %d bytes, %v", len(body), err)
		}
	}
}

// A large body arrives in a buffer that grows with it, whatever its framing; one byte
// chunks do not copy it again and again.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var chunks bytes.Buffer
	chunks.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for i := range want {
		if i == 1<<10 {
			fmt.Fprintf(&chunks, "%x\r\n%s\r\n", len(want)-i, want[i:])
			break
		}
		fmt.Fprintf(&chunks, "1\r\n%c\r\n", want[i])
	}
	chunks.WriteString("0\r\n\r\n")
	for _, text := range []string{
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want), want),
		"HTTP/1.1 200 OK\r\n\r\n" + string(want),
		chunks.String(),
	} {
		_, body, _, err := readAll(strings.NewReader(text), limits{head: 1 << 16, body: len(want)})
		if err != nil || !bytes.Equal(body, want) {
			t.Errorf("got %d bytes, %v", len(body), err)
		}
	}
}

// What this reader accepts, net/http's accepts, and sees the same in it. In whatever
// pieces it arrives, a response is the same.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.0 500 x\r\nConnection: keep-alive\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200\r\nX: a\r\n b\r\nContent-Encoding: gzip\r\nKeep-Alive: timeout=5, max=3\r\n\r\nrest",
		"HTTP/1.1 503 S\r\nRetry-After: 5\r\nLocation: /x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		f.Add([]byte(s), byte(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		h, body, reuse, err := readAll(bytes.NewReader(bytes.Clone(text)), testLimits)
		other, otherBody, _, otherErr := readAll(&pieces{r: bytes.NewReader(text), n: int(piece)%7 + 1}, testLimits)
		if fmt.Sprint(err) != fmt.Sprint(otherErr) || other != h || !bytes.Equal(body, otherBody) {
			t.Fatalf("in pieces: %+v %q, %v; at once: %+v %q, %v", other, otherBody, otherErr, h, body, err)
		}
		if err != nil {
			return
		}
		if len(body) > testLimits.body {
			t.Fatalf("a body of %d bytes", len(body))
		}
		checkAgainstNetHTTP(t, text, h, body, reuse)
	})
}

// checkAgainstNetHTTP is strict about the status, the body, and whether the connection goes on.
func checkAgainstNetHTTP(t *testing.T, text []byte, h head, body []byte, reuse bool) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(text))
	post := &http.Request{Method: http.MethodPost}
	var resp *http.Response
	for {
		var err error
		if resp, err = http.ReadResponse(r, post); err != nil {
			t.Fatalf("net/http: %v", err)
		}
		if resp.StatusCode >= 200 {
			break
		}
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if noBody := h.status == 205; noBody {
		return // net/http has no rule for it
	}
	if resp.StatusCode != h.status || !bytes.Equal(got, body) || err != nil {
		t.Fatalf("net/http: %d %q, %v; here %d %q", resp.StatusCode, got, err, h.status, body)
	}
	if reuse && (resp.Close || r.Buffered() > 0) {
		t.Fatalf("reuse, where net/http closes: %t, or %d bytes are left", resp.Close, r.Buffered())
	}
}

// pieces returns n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

var errNoAnswer = errors.New("no answer")

func TestReaderGivesUp(t *testing.T) {
	t.Parallel()
	if _, _, _, err := readAll(readerFunc(func([]byte) (int, error) { return 0, nil }), testLimits); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
	if _, _, _, err := readAll(iotest.ErrReader(errNoAnswer), testLimits); !errors.Is(err, errNoAnswer) {
		t.Errorf("got %v", err)
	}
}
