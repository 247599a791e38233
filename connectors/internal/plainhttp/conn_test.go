package plainhttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client cannot tell who has answered, whatever it asks, but for a header that the
// handler of this test sets.
func TestTheSameAnswers(t *testing.T) {
	t.Parallel()
	chunked := "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		request, served string
	}{
		"plain":           {plain, "here"},
		"PUT":             {"PUT" + plain[4:], "here"},
		"no body":         {"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "here"},
		"lower case":      {strings.Replace(plain, "Content-Type", "content-type", 1), "here"},
		"several values":  {strings.Replace(plain, "Host", "X: 1\r\nX: 2\r\nHost", 1), "here"},
		"no cache":        {strings.Replace(plain, "Host", "Pragma: no-cache\r\nHost", 1), "here"},
		"dots":            {strings.Replace(plain, "/a/b/c", "/a/../c", 1), "here"},
		"an empty line":   {"\r\n" + plain, ""},
		"then empty ones": {plain + "\r\n\n\r", "here"},
		"punctuation":     {strings.Replace(plain, "/a/b/c", "/a/(b)/c!", 1), "net/http"},
		"slashes":         {strings.Replace(plain, "/a/b/c", "//b//c", 1), "here"},
		"for others":      {strings.Replace(plain, "/a/b/c", "/admin/x", 1), "net/http"},
		"a query":         {strings.Replace(plain, "/a/b/c", "/a/b/c?call", 1), "net/http"},
		"escaped":         {strings.Replace(plain, "/a/b/c", "/a/b/%41", 1), "net/http"},
		"HTTP/1.0":        {strings.Replace(plain, "1.1", "1.0", 1), "net/http"},
		"GET":             {"GET /a/b/c HTTP/1.1\r\nHost: a\r\n\r\n", "net/http"},
		"chunked":         {chunked, "net/http"},
		"both lengths":    {strings.Replace(chunked, "Host", "Content-Length: 3\r\nHost", 1), "net/http"},
		"close":           {strings.Replace(plain, "Host", "Connection: close\r\nHost", 1), "net/http"},
		"a large request": {strings.Replace(plain, "5\r\n\r\nhello", "4096\r\n\r\n"+strings.Repeat("x", 4096), 1), "net/http"},
		"no host":         {strings.Replace(plain, "Host: localhost\r\n", "", 1), ""},
		"two hosts":       {strings.Replace(plain, "Host", "Host: a\r\nHost", 1), ""},
		"a bad host":      {strings.Replace(plain, "localhost", "a\x01b", 1), ""},
		"a bad header":    {strings.Replace(plain, "Host", "a b: c\r\nHost", 1), ""},
		"two lengths":     {strings.Replace(plain, "Host", "Content-Length: 4\r\nHost", 1), ""},
		"nonsense":        {"nonsense\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := open(t, echo).dial()
			alone := newPipes()
			server := &http.Server{Handler: http.HandlerFunc(echo)}
			go server.Serve(alone) //nolint:errcheck // ends with Close
			t.Cleanup(func() { server.Close() })
			theirs := (&door{t: t, pipes: alone}).dial()
			// The second time the header is known.
			for range 2 {
				got, want := ours.exchange(c.request), theirs.exchange(c.request)
				if !strings.HasPrefix(want.Status, "202") {
					c.served = ""
				}
				if by := got.Header.Get("Served"); by != c.served {
					t.Errorf("served by %q, expected %q", by, c.served)
				}
				if got.Header.Get("Date") == "" && want.Header.Get("Date") != "" {
					t.Error("no Date")
				}
				for _, r := range []answer{got, want} {
					r.Header.Del("Served")
					r.Header.Del("Date")
				}
				if got.Status != want.Status || got.body != want.body || got.Close != want.Close || len(got.Header) != len(want.Header) {
					t.Errorf("found %+v, expected %+v", got, want)
				}
				if want.Close {
					ours.expectEnd()
					break
				}
			}
		})
	}
}

// Requests that came together are answered in their order; one that is not plain takes
// those after it with it, and so does one of which a part is missing.
func TestPipelining(t *testing.T) {
	t.Parallel()
	c := open(t, echo).dial()
	numbered := func(i string) string { return strings.Replace(plain, "hello", "no. "+i, 1) }
	get := "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	go io.WriteString(c, numbered("1")+numbered("2")+get+numbered("3")+numbered("4")[:50]) //nolint:errcheck // found by who reads
	for _, want := range []struct{ served, text string }{{"here", "no. 1"}, {"here", "no. 2"}, {"net/http", "GET"}, {"net/http", "no. 3"}} {
		a := c.answer()
		if by, body := a.Header.Get("Served"), a.body; by != want.served || !strings.Contains(body, want.text) {
			t.Errorf("%q by %q, expected %q by %q", body, by, want.text, want.served)
		}
	}
	c.write(numbered("4")[50:])
	if body := c.answer().body; !strings.Contains(body, "no. 4") {
		t.Errorf("found %q", body)
	}
}

func TestARequestInParts(t *testing.T) {
	t.Parallel()
	for cut := 1; cut < len(plain); cut += 7 {
		c := open(t, echo).dial()
		c.exchange(plain)
		c.write(plain[:cut])
		c.write(plain[cut:])
		if a := c.answer(); a.StatusCode != http.StatusAccepted || !strings.Contains(a.body, "hello") {
			t.Errorf("in two parts of %d and %d bytes: %+v", cut, len(plain)-cut, a)
		}
	}
}

// A handler that says nothing, or more than one thing, or that panics.
func TestHandlers(t *testing.T) {
	t.Parallel()
	d := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/two":
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		case "/write":
			_, _ = io.WriteString(w, strings.Repeat("x", 3*bufferBytes))
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/form":
			if err := r.ParseForm(); err != nil || len(r.Form) > 1 {
				w.WriteHeader(http.StatusBadRequest)
			}
		case "/exit":
			runtime.Goexit()
		case "/panic":
			panic("for a test")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	})
	at := func(path string) string { return strings.Replace(plain, "/a/b/c", path, 1) }
	c := d.dial()
	for path, want := range map[string]int{"/": 200, "/two": 418, "/write": 200, "/none": 204} {
		if a := c.exchange(at(path)); a.StatusCode != want || (path == "/none") != (a.Header["Content-Length"] == nil) || (path == "/write") != (len(a.body) == 3*bufferBytes) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	for _, form := range []string{"aa=11", "bb=22"} {
		if a := c.exchange(strings.NewReplacer("x/y", "application/x-www-form-urlencoded", "hello", form).Replace(at("/form"))); a.StatusCode != 200 {
			t.Errorf("another form than %s: %+v", form, a)
		}
	}
	for _, path := range []string{"/abort", "/exit", "/panic"} {
		c := d.dial()
		c.write(at(path))
		c.expectEnd()
	}
	if log := d.log.String(); strings.Count(log, "a handler panicked") != 2 || !strings.Contains(log, "for a test") || !strings.Contains(log, "conn_test.go") {
		t.Errorf("the log has %q", log)
	}
	if a := c.exchange(at("/")); a.StatusCode != 200 {
		t.Errorf("after a panic elsewhere: %+v", a)
	}
}

// within runs a test in fake time.
func within(t *testing.T, h http.HandlerFunc, test func(d *door)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(open(t, h)) })
}

// ends reads to the end of a connection and expects it after a time, or somewhat later.
func (c *client) ends(after time.Duration) {
	c.t.Helper()
	began := time.Now()
	c.expectEnd()
	if took := time.Since(began); took < after || took > after+5*time.Second {
		c.t.Errorf("the connection ended after %v, expected %v", took, after)
	}
}

func TestSilentConnections(t *testing.T) {
	within(t, echo, func(d *door) {
		d.dial().ends(10 * time.Second)
		c := d.dial()
		for range 5 {
			c.exchange(plain)
			time.Sleep(100 * time.Second) //nolint:forbidigo // fake time
		}
		c.exchange(plain)
		c.ends(120 * time.Second)
	})
}

// A request whose handler waits for too long is answered all the same, and is the last
// one.
func TestAnswerTimeout(t *testing.T) {
	var reason error
	h := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		reason = context.Cause(r.Context())
		w.WriteHeader(http.StatusGatewayTimeout)
	}
	within(t, h, func(d *door) {
		began := time.Now()
		c := d.dial()
		a := c.exchange(plain)
		if took := time.Since(began); took < 60*time.Second || took > 65*time.Second || a.StatusCode != http.StatusGatewayTimeout || !a.Close {
			d.t.Errorf("after %v: %+v", took, a)
		}
		if !errors.Is(reason, context.DeadlineExceeded) {
			d.t.Errorf("the context ended for %v", reason)
		}
		c.expectEnd()
	})
}

// A client that goes away does not want its answer; one that says more early is heard.
func TestTheClientOfALongRequest(t *testing.T) {
	gone := make(chan error, 1)
	h := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/long") {
			select {
			case <-r.Context().Done():
				gone <- context.Cause(r.Context())
			case <-time.After(40 * time.Second):
			}
		}
		echo(w, r)
	}
	within(t, h, func(d *door) {
		c := d.dial()
		long := strings.Replace(plain, "/a/", "/long/", 1)
		c.write(long)
		synctest.Wait()
		began := time.Now()
		c.Close()
		time.Sleep(10 * time.Second) //nolint:forbidigo // fake time
		select {
		case err := <-gone:
			if !errors.Is(err, context.Canceled) {
				d.t.Errorf("the context ended for %v", err)
			}
		default:
			d.t.Errorf("it is not noticed after %v that the client is gone", time.Since(began))
		}
		for _, more := range []string{plain, plain + plain, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"} {
			c := d.dial()
			c.write(long)
			time.Sleep(20 * time.Second) //nolint:forbidigo // fake time
			go io.WriteString(c, more)   //nolint:errcheck // found by who reads
			if a := c.answer(); a.StatusCode != http.StatusAccepted || !strings.Contains(a.body, "/long/") {
				d.t.Errorf("found %+v", a)
			}
			for range max(1, strings.Count(more, plain)) {
				if a := c.answer(); a.StatusCode != http.StatusAccepted || !strings.Contains(a.body, more[:6]) {
					d.t.Errorf("after %q: %+v", more, a)
				}
			}
		}
		if len(gone) > 0 {
			d.t.Error("a client that says more is taken for one that is gone")
		}
	})
}

// A handler that panics after so long that its client is watched leaves nothing behind.
func TestALongRequestThatPanics(t *testing.T) {
	h := func(http.ResponseWriter, *http.Request) {
		time.Sleep(20 * time.Second) //nolint:forbidigo // fake time
		panic("for a test")
	}
	within(t, h, func(d *door) {
		c := d.dial()
		c.write(plain)
		c.ends(20 * time.Second)
		if n := len(d.plain.conns); n > 0 {
			d.t.Errorf("%d connections are left", n)
		}
	})
}

// Who takes no answer is not waited for.
func TestWriteTimeout(t *testing.T) {
	within(t, echo, func(d *door) {
		c := d.dial()
		c.write(plain)
		time.Sleep(65 * time.Second) //nolint:forbidigo // fake time
		c.expectEnd()
	})
}

// Closing ends connections that wait, and lets requests be answered.
func TestClose(t *testing.T) {
	gate := make(chan struct{}, 1)
	h := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/wait") {
			for len(gate) == 0 && r.Context().Err() == nil {
				time.Sleep(time.Second) //nolint:forbidigo // fake time
			}
		}
		echo(w, r)
	}
	within(t, h, func(d *door) {
		waiting, idle, fresh := d.dial(), d.dial(), d.dial()
		waiting.write(strings.Replace(plain, "/a/", "/wait/", 1))
		idle.exchange(plain)
		synctest.Wait()
		if err := d.plain.Close(); err != nil {
			d.t.Error(err)
		}
		idle.expectEnd()
		fresh.expectEnd()
		ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute/2)
		defer cancel()
		if err := d.plain.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			d.t.Errorf("with a request under way: %v", err)
		}
		gate <- struct{}{}
		if a := waiting.answer(); a.StatusCode != http.StatusAccepted || !a.Close {
			d.t.Errorf("found %+v", a)
		}
		waiting.expectEnd()
		if err := d.plain.Wait(d.t.Context()); err != nil {
			d.t.Error(err)
		}
		if _, err := d.plain.Accept(); err == nil {
			d.t.Error("a closed listener accepts")
		}
	})
}

// The end of the base context ends requests.
func TestContext(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	within(t, h, func(d *door) {
		c := d.dial()
		c.write(plain)
		synctest.Wait()
		d.stop()
		if a := c.answer(); a.StatusCode != http.StatusServiceUnavailable || !a.Close {
			d.t.Errorf("found %+v", a)
		}
		c.expectEnd()
	})
}

// What the inner listener fails with is net/http's to judge.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	inner := newPipes()
	l := Listen(inner, Options{Handler: http.HandlerFunc(echo), Takes: func(string) bool { return true }, Context: t.Context()})
	inner.Close()
	for range 2 {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("found %v", err)
		}
	}
	if err := l.Abort(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := l.Wait(context.Background()); err != nil {
		t.Error(err)
	}
}
