package endpoint

import (
	"net/http"
	"testing"
)

// What a server of functions says of the invocation that failed; what is no number says
// nothing.
func TestFailuresOfInvocations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		invocation, permanent, attempts string
		want                            Failure
	}{
		{"", "", "", Failure{}},
		{"0", "true", "3", Failure{Invocation: 1, Permanent: true, MaxAttempts: 3}},
		{"999", "false", "0", Failure{Invocation: 1000}},
		{"-1", "yes", "many", Failure{}},
		{"99999999999", "TRUE", "99999999999", Failure{}},
		{"1, 2", "", "1.5", Failure{}},
	} {
		for _, p := range bothProfiles {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				h := w.Header()
				h["Statefun-Failed-Invocation"], h["STATEFUN-PERMANENT"], h["statefun-max-attempts"] = []string{c.invocation}, []string{c.permanent}, []string{c.attempts}
				w.WriteHeader(http.StatusInternalServerError)
			})
			f := mustFail(t, open(t, Config{URL: url, Profile: p}), Status, "500")
			if f.Invocation != c.want.Invocation || f.Permanent != c.want.Permanent || f.MaxAttempts != c.want.MaxAttempts {
				t.Errorf("%v: %+v: got %+v", p, c, f)
			}
		}
	}
}

// COMPAT 42: what OkHTTP does not try again is permanent; a request that was too large
// may do when it is smaller.
func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	for status, final := range map[int]bool{400: true, 401: true, 404: true, 405: true, 415: true, 410: true, 413: false, 408: false, 409: false, 429: false, 500: false, 503: false} {
		for _, p := range bothProfiles {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			kind := Status
			if status == http.StatusRequestEntityTooLarge {
				kind = RequestTooLarge
			}
			if f := mustFail(t, open(t, Config{URL: url, Profile: p}), kind, ""); f.Permanent != (final && p == OkHTTP) {
				t.Errorf("%v: %d: permanent %t", p, status, f.Permanent)
			}
		}
	}
}

// Functions share a host, or have one each.
func TestHost(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		one := open(t, Config{URL: "http://fns:8080/{function.name}", Profile: p})
		each := open(t, Config{URL: "http://{function.name}.fns/", Profile: p})
		if a, b := one.Host("ns/a"), one.Host("ns/b"); a != "fns:8080" || a != b {
			t.Errorf("%v: got %q and %q", p, a, b)
		}
		if a, b := each.Host("ns/a"), each.Host("ns/b"); a != "a.fns:80" || b != "b.fns:80" {
			t.Errorf("%v: got %q and %q", p, a, b)
		}
	}
}
