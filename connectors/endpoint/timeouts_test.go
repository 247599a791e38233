package endpoint

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What has spent its budget is not sent.
func TestSpentBudget(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	e := open(t, Config{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); octets(w, "x") }), Call: time.Minute})
	mustCall(t, e, "r", "x")
	for _, spent := range []time.Duration{time.Minute - minBudget + 1, time.Minute, time.Hour} {
		_, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Spent: spent})
		if f, ok := errors.AsType[*Failure](err); !ok || f.Kind != Timeout {
			t.Errorf("spent %v: got %v", spent, err)
		}
	}
	if seen.Load() != 1 {
		t.Errorf("%d requests", seen.Load())
	}
}

// COMPAT 43: call, in every phase, and connect.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) { // never silent, never done
		octets(w, "x")
		for {
			http.NewResponseController(w).Flush() //nolint:errcheck // it is a pipe
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
			_, _ = io.WriteString(w, "x")
		}
	}
	for name, c := range map[string]struct {
		cfg  Config
		h    http.HandlerFunc
		took time.Duration
		want string
	}{
		"async, no answer":         {Config{Call: 7 * time.Second}, silent, 7 * time.Second, "no complete response within the call time-out of 7s"},
		"async, no end":            {Config{Call: 7 * time.Second}, drip, 7 * time.Second, "call time-out of 7s"},
		"async, defaults":          {Config{}, silent, 2 * time.Minute, "call time-out of 2m0s"},
		"okhttp, no end":           {Config{Profile: OkHTTP, Call: 7 * time.Second}, drip, 7 * time.Second, "call time-out of 7s"},
		"okhttp, no answer":        {Config{Profile: OkHTTP, Read: 3 * time.Second}, silent, 3 * time.Second, "nothing received within the read time-out of 3s"},
		"okhttp, defaults":         {Config{Profile: OkHTTP}, silent, 10 * time.Second, "read time-out of 10s"},
		"okhttp, defaults, no end": {Config{Profile: OkHTTP}, drip, time.Minute, "call time-out of 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e, _ := bubble(t, c.cfg, c.h)
				if took := within(func() { mustFail(t, e, Timeout, c.want) }); took != c.took {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	for _, p := range bothProfiles {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{URL: "http://10.0.0.1/", Profile: p}
			newPipes().use(&cfg) // accepts nothing
			e := open(t, cfg)
			want := p.defaults().connect
			took := within(func() { mustFail(t, e, Connect, "no connection within the connect time-out of "+want.String()) })
			if took != want {
				t.Errorf("took %v", took)
			}
			cfg.Connect, cfg.Call = 4*time.Second, 5*time.Second
			e = open(t, cfg)
			if took := within(func() { mustFail(t, e, Connect, "connect time-out of 4s") }); took != 4*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{URL: "http://10.0.0.1/", Call: 5 * time.Second}
		newPipes().use(&cfg)
		e := open(t, cfg)
		if took := within(func() { mustFail(t, e, Connect, "no connection within the call time-out of 5s") }); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the server reads nothing
		p := newPipes()
		cfg := Config{URL: "http://10.0.0.1/", Profile: OkHTTP, Write: 3 * time.Second}
		p.use(&cfg)
		e := open(t, cfg)
		go func() {
			for c, err := p.Accept(); err == nil; c, err = p.Accept() {
				t.Cleanup(func() { c.Close() })
			}
		}()
		defer p.Close()
		if took := within(func() { mustFail(t, e, Timeout, "write time-out of 3s") }); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// One timer serves the deadlines of all requests: each ends at its own, and a request
// that was answered in time is not touched by that of an earlier one.
func TestManyDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := bubble(t, Config{Call: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if string(b) == "slow" {
				<-r.Context().Done()
				return
			}
			octets(w, "x")
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				spent := time.Duration(i*7%50) * 100 * time.Millisecond
				took := within(func() {
					_, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Body: []byte("slow"), Spent: spent})
					if f, ok := errors.AsType[*Failure](err); !ok || f.Kind != Timeout {
						t.Errorf("got %v", err)
					}
				})
				if took != 10*time.Second-spent {
					t.Errorf("spent %v: took %v", spent, took)
				}
			})
		}
		for range 100 {
			mustCall(t, e, "quick", "x")
			<-time.After(300 * time.Millisecond)
		}
		all.Wait()
	})
}
