package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAttempt compares the transports against a server of the official Go SDK's
// shape on the same cores: attempts/s of 64 callers. "net/http" is what a client
// that is made of nothing but net/http's can do.
//
// The server takes part of the machine: what a client costs shows in CPU-µs/op, which is
// of both, and where the server is the same.
func BenchmarkAttempt(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(sdkHandler))
	defer s.Close()
	request := bytes.Repeat([]byte("r"), 200)
	for _, p := range []Profile{Async, OkHTTP} {
		b.Run(fmt.Sprintf("client=%v", p), func(b *testing.B) {
			e, err := Open(Config{URL: s.URL + "/statefun", Profile: p})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			measure(b, func(buffer []byte) ([]byte, error) {
				return e.Attempt(b.Context(), Request{Function: "bench/hop", Body: request, Buffer: buffer[:0]})
			})
		})
	}
	b.Run("client=net/http", func(b *testing.B) {
		transport := &http.Transport{MaxIdleConnsPerHost: 1024}
		defer transport.CloseIdleConnections()
		measure(b, func(buffer []byte) ([]byte, error) {
			return plainPost(b.Context(), transport, s.URL+"/statefun", request, buffer)
		})
	})
}

// sdkHandler does what the official Go SDK's does around a function.
func sdkHandler(w http.ResponseWriter, r *http.Request) {
	if ct := r.Header.Get("Content-Type"); r.Method != http.MethodPost || ct != "" && ct != octetStream {
		http.Error(w, "unexpected request", http.StatusBadRequest)
		return
	}
	if body, err := io.ReadAll(r.Body); err != nil || len(body) == 0 {
		http.Error(w, "unexpected body", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(sdkAnswer) // its type is sniffed
}

// sdkAnswer begins as a FromFunction does.
var sdkAnswer = append([]byte{0xa2, 0x06, 0x60}, bytes.Repeat([]byte("a"), 96)...)

func plainPost(ctx context.Context, t http.RoundTripper, url string, body, buffer []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", octetStream)
	resp, err := t.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := bytes.NewBuffer(buffer[:0])
	_, err = out.ReadFrom(resp.Body)
	return out.Bytes(), err
}

func measure(b *testing.B, attempt func(buffer []byte) ([]byte, error)) {
	const callers = 64
	run := func(n int64) {
		var left atomic.Int64
		left.Store(n)
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				var buffer []byte
				for left.Add(-1) >= 0 {
					body, err := attempt(buffer)
					if err != nil || !bytes.Equal(body, sdkAnswer) {
						b.Errorf("got %q, %v", body, err)
						return
					}
					buffer = body
				}
			})
		}
		all.Wait()
	}
	run(10 * callers) // connections are made
	b.ReportAllocs()
	b.ResetTimer()
	before, start := cpuTime(), time.Now()
	run(int64(b.N))
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "attempts/s")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "CPU-µs/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
