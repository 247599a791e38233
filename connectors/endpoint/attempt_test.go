package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// COMPAT 2, and 1.3, Content type: what a function server sees of the Async profile, byte by byte.
func TestRequest(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	url := rawServer(t, func(c *rawConn, _ int) {
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		got <- string(b[:n])
		c.say(okHeader + "Content-Length: 2\r\n\r\nok")
		c.wait()
	})
	host := strings.TrimPrefix(url, "http://")
	e := open(t, Config{URL: "http://user:pass@" + host + "/a%2Fb/{function.name}?x={function.name}", Headers: map[string]Secret{"x-key": "s3cret", "X-Empty": ""}})
	b, err := e.Attempt(t.Context(), Request{Function: "com.example/gréeter", Body: []byte("\x00body"), Buffer: make([]byte, 0, 10)})
	if err != nil || string(b) != "ok" || cap(b) != 10 {
		t.Errorf("got %q, %v", b, err)
	}
	want := "POST /a%2Fb/gr%C3%A9eter?x=gr%C3%A9eter HTTP/1.1\r\nHost: " + host +
		"\r\nContent-Type: application/octet-stream\r\nAccept: application/octet-stream\r\nAccept-Encoding: gzip,deflate" +
		"\r\nConnection: keep-alive\r\nUser-Agent: statefun\r\nAuthorization: Basic dXNlcjpwYXNz\r\nX-Empty: \r\nX-Key: s3cret" +
		"\r\nContent-Length: 5\r\n\r\n\x00body"
	if s := <-got; s != want {
		t.Errorf("got\n%q, want\n%q", s, want)
	}
}

// COMPAT 2: both profiles, as net/http's server understands them, and headers that
// are replaced.
func TestRequestOfBothProfiles(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				names := slices.Sorted(maps.Keys(r.Header))
				octets(w, fmt.Sprint(r.Method, " ", r.URL, " ", r.Host, " ", r.UserAgent(), " ", r.Header.Get("X-Key"), " ", r.ContentLength, " ", string(body), " ", err, " ", names))
			})
			e := open(t, Config{URL: url + "/{function.name}", Profile: p, Headers: map[string]Secret{"X-Key": "k", "host": "fns.example.com", "User-Agent": "mine"}})
			names := "[Accept Accept-Encoding Connection Content-Length Content-Type User-Agent X-Key]"
			if p == OkHTTP {
				names = "[Accept-Encoding Content-Length Content-Type User-Agent X-Key]"
			}
			mustCall(t, e, "body", "POST /fn fns.example.com mine k 4 body <nil> "+names)
			mustCall(t, e, "", "POST /fn fns.example.com mine k 0  <nil> "+names)
		})
	}
}

// COMPAT 38, 39, 40, 42: what a response has to be, and what each profile makes of others.
func TestResponsesOfBothProfiles(t *testing.T) {
	t.Parallel()
	const octet = "Content-Type: application/octet-stream\r\n"
	final, again := false, true
	for name, c := range map[string]struct {
		text string
		kind Kind
		// of Async, and of OkHTTP; an empty text is a response
		async, okhttp     string
		okRetries         bool
		status            int
		retryAfter        time.Duration
		asyncOK, okhttpOK string
	}{
		"no effects":              {text: "200 OK\r\n" + octet + "Content-Length: 0\r\n\r\n"},
		"an answer":               {text: "200 OK\r\n" + octet + "Content-Length: 1\r\n\r\nx", asyncOK: "x", okhttpOK: "x"},
		"202":                     {text: "202 Accepted\r\n" + octet + "Content-Length: 1\r\n\r\nx", asyncOK: "x", okhttpOK: "x"},
		"204":                     {text: "204 No Content\r\n" + octet + "\r\n"},
		"type in capitals":        {text: "200 OK\r\nCONTENT-TYPE: Application/Octet-Stream\r\nContent-Length: 1\r\n\r\nx", asyncOK: "x", okhttpOK: "x"},
		"type in a list":          {text: "200 OK\r\nContent-Type: text/plain, application/octet-stream\r\nContent-Length: 1\r\n\r\nx", asyncOK: "x", kind: ContentType, okhttp: `Wrong HTTP content-type: expected application/octet-stream, found "text/plain, application/octet-stream"`, okRetries: final, status: 200},
		"empty, without a type":   {text: "200 OK\r\nContent-Length: 0\r\n\r\n", kind: ContentType, async: "Unexpected content type: expected application/octet-stream, found none (200 OK)", okhttp: "Wrong HTTP content-type: expected application/octet-stream, found none", okRetries: final, status: 200},
		"204 without a type":      {text: "204 No Content\r\n\r\n", kind: ContentType, async: "Unexpected content type", okhttp: "Wrong HTTP content-type", okRetries: final, status: 204},
		"playground's exception":  {text: "200 OK\r\nStatus: 500\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", kind: ContentType, async: "may say so of an exception", okhttp: "may say so of an exception", okRetries: final, status: 200},
		"another type":            {text: "200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<p>hi", kind: ContentType, async: `Unexpected content type: expected application/octet-stream, found "text/html"; the server says "<p>hi"`, okhttp: "Wrong HTTP content-type", okRetries: final, status: 200},
		"a parameter of the type": {text: "200 OK\r\nContent-Type: application/octet-stream; charset=utf-8\r\nContent-Length: 0\r\n\r\n", kind: ContentType, async: "Unexpected content type", okhttp: "Wrong HTTP content-type", okRetries: final, status: 200},
		"400":                     {text: "400 Bad Request\r\nContent-Length: 4\r\n\r\nnope", kind: Status, async: `Unexpected response code 400 (Bad Request); the server says "nope"`, okhttp: "Non successful HTTP response code 400 (Bad Request)", okRetries: final, status: 400},
		"404":                     {text: "404 Not Found\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "Unexpected response code 404 (Not Found)", okhttp: "Non successful HTTP response code 404", okRetries: final, status: 404},
		"408":                     {text: "408 T\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "Unexpected response code 408 (T)", okhttp: "code 408", okRetries: again, status: 408},
		"409":                     {text: "409 T\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "code 409", okhttp: "code 409", okRetries: again, status: 409},
		"413":                     {text: "413 L\r\nContent-Length: 0\r\n\r\n", kind: RequestTooLarge, async: "code 413", okhttp: "code 413", okRetries: final, status: 413},
		"420":                     {text: "420 T\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "code 420", okhttp: "code 420", okRetries: again, status: 420},
		"429":                     {text: "429 T\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "code 429", okhttp: "code 429", okRetries: again, status: 429, retryAfter: 7 * time.Second},
		"499":                     {text: "499 T\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "code 499", okhttp: "code 499", okRetries: again, status: 499},
		"500 with octets":         {text: "500 I\r\n" + octet + "Content-Length: 0\r\n\r\n", kind: Status, async: "code 500 (I)", okhttp: "code 500 (I)", okRetries: again, status: 500},
		"503 until the end":       {text: "503 U\r\nRetry-After: soon\r\n\r\nout of order", kind: Status, async: `"out of order"`, okhttp: `"out of order"`, okRetries: again, status: 503},
		"599":                     {text: "599 U\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n", kind: Status, async: "code 599", okhttp: "code 599", okRetries: again, status: 599, retryAfter: maxRetryAfter},
		"304":                     {text: "304 N\r\n\r\n", kind: Status, async: "code 304", okhttp: "code 304", okRetries: final, status: 304},
		"a failure that breaks":   {text: "500 I\r\nContent-Length: 9\r\n\r\nhalf", kind: Status, async: "code 500", okhttp: "code 500", okRetries: again, status: 500},
		"bytes that are no text":  {text: "500 I\r\nContent-Length: 2\r\n\r\n\x00\xff", kind: Status, async: "code 500 (I)", okhttp: "code 500", okRetries: again, status: 500},
		"an answer that breaks":   {text: "200 OK\r\n" + octet + "Content-Length: 9\r\n\r\nhalf", kind: IO, async: "the connection broke before the response was complete", okhttp: "the connection broke before the response was complete", okRetries: again},
		"nothing":                 {text: "", kind: IO, async: "the connection broke before a response came", okhttp: "the connection broke before a response came", okRetries: again},
	} {
		for _, p := range bothProfiles {
			t.Run(name+"/"+p.String(), func(t *testing.T) {
				t.Parallel()
				url := rawServer(t, func(rc *rawConn, _ int) {
					if rc.request() && c.text != "" {
						rc.say("HTTP/1.1 " + c.text)
					}
				})
				e := open(t, Config{URL: url, Profile: p})
				want, body, retries := c.async, c.asyncOK, true
				if p == OkHTTP {
					want, body, retries = c.okhttp, c.okhttpOK, c.okRetries
				}
				if want == "" {
					mustCall(t, e, "request", body)
					return
				}
				f := mustFail(t, e, c.kind, want)
				if f.Retry != retries || f.Status != c.status || f.RetryAfter != c.retryAfter || f.Reached != (c.status != 0 || strings.HasPrefix(c.text, "200")) {
					t.Errorf("got %+v", f)
				}
				if !strings.HasPrefix(f.Error(), "endpoint "+url) {
					t.Errorf("%v does not say where", f.Error())
				}
			})
		}
	}
}

func TestMayBeDown(t *testing.T) {
	t.Parallel()
	for want, fs := range map[bool][]Failure{
		true:  {{Kind: Connect}, {Kind: Timeout}, {Kind: IO}, {Kind: Status, Status: 500}, {Kind: Status, Status: 503}, {Kind: Status, Status: 429}, {Kind: Status, Status: 408}},
		false: {{Kind: Unsendable}, {Kind: Status, Status: 400}, {Kind: Status, Status: 404}, {Kind: RequestTooLarge}, {Kind: ContentType}, {Kind: ResponseTooLarge}, {Kind: Malformed}},
	} {
		for _, f := range fs {
			if f.MayBeDown() != want {
				t.Errorf("%v %d: got %t", f.Kind, f.Status, !want)
			}
		}
	}
}

// COMPAT 40: malformed responses.
func TestMalformedResponses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no HTTP":          {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the response is malformed: the status line"},
		"two lengths":      {okHeader + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "two lengths"},
		"bad chunk":        {okHeader + "Transfer-Encoding: chunked\r\n\r\nxx\r\n", "the size of a chunk"},
		"unknown encoding": {okHeader + "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", `expected gzip or deflate, found "br"`},
		"no gzip":          {okHeader + "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nno gzip here", "the compressed body: gzip: invalid header"},
		"twice packed":     {okHeader + "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "Content-Encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t, Config{URL: rawServer(t, func(rc *rawConn, _ int) {
				if rc.request() {
					rc.say(c.text)
				}
			})})
			f := mustFail(t, e, Malformed, c.want)
			if !f.Retry {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// COMPAT 40: only whoever decodes responses sees that one is no message.
func TestUnparsable(t *testing.T) {
	t.Parallel()
	cause := errors.New("unexpected field")
	for _, p := range bothProfiles {
		f := open(t, Config{URL: "http://localhost/x", Profile: p}).Unparsable("ns/fn", cause)
		if f.Kind != Malformed || !f.Reached || f.Retry != (p == Async) || !errors.Is(f, cause) ||
			f.Error() != "endpoint http://localhost/x: the response is not a FromFunction: unexpected field" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestConnectFails(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, p := range bothProfiles {
		for _, url := range []string{"http://" + l.Addr().String() + "/x?code=hush", "http+unix:///nowhere/x.sock/y?code=hush"} {
			f := mustFail(t, open(t, Config{URL: url, Profile: p}), Connect, "no connection: ")
			if !f.Retry || f.Reached || strings.Contains(f.Error(), "hush") {
				t.Errorf("got %+v", f)
			}
		}
	}
}

// COMPAT 1.3, Connections: a server that closes idle connections before the pool does (Node: after 5 s), at
// the moment at which the next request comes: the request goes out once more.
func TestDeadReusedConnection(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		for _, how := range []string{"closes", "resets", "closes after the request"} {
			t.Run(p.String()+"/"+how, func(t *testing.T) {
				t.Parallel()
				var conns atomic.Int64
				hang := make(chan struct{})
				url := rawServer(t, func(c *rawConn, _ int) {
					conns.Add(1)
					if !c.request() {
						return
					}
					c.say(okHeader + "Content-Length: 1\r\n\r\nx")
					switch how {
					case "closes after the request":
						c.request()
						return
					case "resets":
						_ = c.Conn.(*net.TCPConn).SetLinger(0)
					}
					c.Close()
					hang <- struct{}{}
				})
				e := open(t, Config{URL: url, Profile: p})
				for range 5 {
					mustCall(t, e, "request", "x")
					if how != "closes after the request" {
						<-hang
					}
				}
				if how != "closes after the request" && conns.Load() != 5 {
					t.Errorf("%d connections", conns.Load())
				}
			})
		}
	}
}

// What breaks on a new connection, or after the first byte, is for the caller to decide.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, second string }{{"within the head", "HTTP/1."}, {"within the body", okHeader + "Content-Length: 9\r\n\r\nx"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := rawServer(t, func(rc *rawConn, _ int) {
				for rc.request() {
					if requests.Add(1)%2 == 0 {
						rc.say(c.second)
						return
					}
					rc.say(okHeader + "Content-Length: 1\r\n\r\nx")
				}
			})
			e := open(t, Config{URL: url})
			mustCall(t, e, "request", "x")
			if f := mustFail(t, e, IO, "the connection broke"); !f.Reused || !f.Retry {
				t.Errorf("got %+v", f)
			}
			if requests.Load() != 2 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

// COMPAT 1.3, Size: a server that refuses a large request at once, and reads no more of it (aiohttp: 1 MiB),
// is understood; a smaller one gets through.
func TestRequestTooLarge(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		for _, closes := range []bool{false, true} {
			if p == OkHTTP && !closes {
				continue // net/http uses the connection again if the system took all of the request
			}
			t.Run(fmt.Sprintf("%v/closes=%t", p, closes), func(t *testing.T) {
				t.Parallel()
				url := rawServer(t, func(c *rawConn, _ int) {
					for {
						q, err := http.ReadRequest(c.r)
						if err != nil {
							return
						}
						if q.ContentLength <= 1<<20 {
							_, _ = io.Copy(io.Discard, q.Body)
							c.say(okHeader + "Content-Length: 1\r\n\r\nx")
							continue
						}
						c.say("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 4\r\n\r\nhuge")
						if !closes {
							<-t.Context().Done() // neither reads nor closes
						}
						return
					}
				})
				e := open(t, Config{URL: url, Profile: p})
				mustCall(t, e, strings.Repeat("x", 1<<20), "x")
				for range 3 {
					_, err := call(t, e, strings.Repeat("x", 4<<20))
					f, ok := errors.AsType[*Failure](err)
					if !ok || f.Kind != RequestTooLarge && (f.Kind != IO || !closes) {
						t.Fatalf("got %v", err)
					}
				}
				mustCall(t, e, strings.Repeat("x", 100<<10), "x")
				mustCall(t, e, strings.Repeat("x", 20<<10), "x")
			})
		}
	}
}

// Large requests arrive whole and leave their connection as good as before.
func TestLargeRequests(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			var conns atomic.Int64
			url := rawServer(t, func(c *rawConn, _ int) {
				conns.Add(1)
				for {
					q, err := http.ReadRequest(c.r)
					if err != nil {
						return
					}
					n, _ := io.Copy(io.Discard, q.Body)
					length := fmt.Sprint(n)
					c.say(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", okHeader, len(length), length))
				}
			})
			e := open(t, Config{URL: url, Profile: p})
			for _, n := range []int{0, 1, copiedBody, copiedBody + 1, bufferedBody, bufferedBody + 1, 8 << 20, 1} {
				mustCall(t, e, strings.Repeat("x", n), fmt.Sprint(n))
			}
			if conns.Load() != 1 {
				t.Errorf("%d connections", conns.Load())
			}
		})
	}
}

// Secrets are in no error, even if a server repeats what it got.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://elsewhere/"+r.Header.Get("X-Key")+"?token=1")
		w.WriteHeader(http.StatusFound)
		fmt.Fprint(w, r.Header)
	})
	e := open(t, Config{URL: url + "?code=hushhush", Headers: map[string]Secret{"X-Key": "hushhush", "Authorization": "Bearer quietly"}})
	f := mustFail(t, e, Status, "redirected to http://elsewhere/")
	if s := f.Error(); strings.Contains(s, "hushhush") || strings.Contains(s, "quietly") || !strings.Contains(s, hidden) {
		t.Error(s)
	}
	cfg := Config{Headers: map[string]Secret{"X-Key": "hushhush"}}
	if s := fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg.Headers["X-Key"]); strings.Contains(s, "hushhush") {
		t.Error(s)
	}
}

// A function's name may make no request; the others of its endpoint are not affected.
func TestUnsendable(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { octets(w, r.URL.Path) })
	for _, p := range bothProfiles {
		e := open(t, Config{URL: url + "/{function.name}", Profile: p})
		for _, name := range []string{"a\r\nX: y", "a%zz", "a\x00"} {
			_, err := e.Attempt(t.Context(), Request{Function: "ns/" + functionName(name)})
			f, ok := errors.AsType[*Failure](err)
			if !ok || f.Kind != Unsendable || f.Retry {
				t.Errorf("%q: got %v", name, err)
			}
		}
		mustCall(t, e, "", "/fn")
	}
}

// The caller's context ends an attempt at once, with its cause.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	for _, p := range bothProfiles {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			got := make(chan struct{}, 1)
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if b, _ := io.ReadAll(r.Body); string(b) == "quick" {
					octets(w, "x")
					return
				}
				got <- struct{}{}
				<-r.Context().Done()
			})
			e := open(t, Config{URL: url, Profile: p})
			ctx, cancel := context.WithCancelCause(t.Context())
			for range 3 { // the same context on a connection that is used again
				if b, err := e.Attempt(ctx, Request{Function: "ns/fn", Body: []byte("quick")}); err != nil || string(b) != "x" {
					t.Fatalf("got %q, %v", b, err)
				}
			}
			go func() {
				<-got
				cancel(cause)
			}()
			if _, err := e.Attempt(ctx, Request{Function: "ns/fn", Body: []byte("slow")}); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			if _, err := e.Attempt(ctx, Request{Function: "ns/fn", Body: []byte("quick")}); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			mustCall(t, e, "quick", "x")
		})
	}
}

// Close ends attempts wherever they are.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		synctest.Test(t, func(t *testing.T) {
			e, net := bubble(t, Config{Profile: p, PoolSize: 2}, silent)
			stuck := open(t, func() Config { c := Config{URL: "http://10.0.0.2/", Profile: p}; newPipes().use(&c); return c }())
			ended := make(chan error)
			for range 4 { // two have a connection, and two wait for one if the profile has them wait
				go func() { _, err := call(t, e, "r"); ended <- err }()
			}
			go func() { _, err := call(t, stuck, "r"); ended <- err }() // connects
			synctest.Wait()
			e.Close()
			stuck.Close()
			for range 5 {
				if err := <-ended; !errors.Is(err, ErrClosed) {
					t.Errorf("got %v", err)
				}
			}
			e.Close()
			if _, err := call(t, e, "r"); !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
			if n := len(net.dials()); p == Async && n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}
