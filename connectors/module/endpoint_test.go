package module_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
)

const okhttp = "type: io.statefun.transports.v1/okhttp"

// COMPAT 43, 55: what each profile takes for its time-outs, given nested, flat, both
// or not at all.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const s, m = time.Second, time.Minute
	for _, test := range []struct {
		name, text                 string
		call, connect, read, write time.Duration
		poolTTL                    time.Duration
	}{
		{"v1", v1("functions: a/b", "urlPathTemplate: http://h/"), m, 10 * s, 10 * s, 10 * s, m},
		{"v1, null", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts:"), m, 10 * s, 10 * s, 10 * s, m},
		{"v1, empty", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {}"), m, 10 * s, 10 * s, 10 * s, m},
		{"v1, all", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {call: 2m, connect: 1s, read: 15 SEC, write: 70000}"), 2 * m, s, 15 * s, 70 * s, m},
		{"v1, equal to call", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {call: 10s}"), 10 * s, 10 * s, 10 * s, 10 * s, m},
		{"v2 is asynchronous", v2(), 2 * m, 20 * s, 0, 0, 15 * s},
		{"v2, only a type", v2("transport: {type: io.statefun.transports.v1/async}"), 2 * m, 20 * s, 0, 0, 15 * s},
		{"v2, no type", v2("transport: {call: 3m}"), 3 * m, 20 * s, 0, 0, 15 * s},
		{"v2, flat", v2("transport: {call: 1s, connect: 0, pool_ttl: 0}"), s, 0, 0, 0, 0},
		{"v2, nested wins", v2("transport: {call: 5m, connect: 5m, timeouts: {call: 3m, connect: 30s}}"), 3 * m, 30 * s, 0, 0, 15 * s},
		{"v2, nested brings its own defaults", v2("transport: {timeouts: {}}"), m, 10 * s, 0, 0, 15 * s},
		{"v2, nested call", v2("transport: {connect: 5s, timeouts: {call: 50s}}"), 50 * s, 10 * s, 0, 0, 15 * s},
		{"v2, nested connect", v2("transport: {call: 5m, timeouts: {connect: 50s}}"), m, 50 * s, 0, 0, 15 * s},
		{"v2, okhttp", v2("transport: {" + okhttp + "}"), m, 10 * s, 10 * s, 10 * s, m},
		{"v2, okhttp, nested", v2("transport: {" + okhttp + ", timeouts: {read: 20s, write: 30s}}"), m, 10 * s, 20 * s, 30 * s, m},
		{"v2, okhttp, flat is nothing", v2("transport: {" + okhttp + ", call: 1s}"), m, 10 * s, 10 * s, 10 * s, m},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			loaded, _ := load(t, test.text, module.Options{})
			got := loaded.Endpoints[0].Transport
			if got.Call != test.call || got.Connect != test.connect || got.Read != test.read || got.Write != test.write || got.PoolTTL != test.poolTTL {
				t.Errorf("got %+v", got)
			}
			if got.PoolSize != 1024 {
				t.Errorf("pool of %d", got.PoolSize)
			}
		})
	}
}

func TestEndpointFields(t *testing.T) {
	t.Parallel()
	only := func(lines ...string) *module.Endpoint {
		m, warnings := load(t, v2(lines...), module.Options{})
		if len(warnings) != 1 { // no ingress
			t.Errorf("%v: %v", lines, warnings)
		}
		return m.Endpoints[0]
	}
	e := only()
	if e.MaxNumBatchRequests != 1000 || e.MaxAttempts != 0 || e.RetryForever || e.MaxBatchBytes != 0 || e.MaxInFlight != 0 || !e.VerifyHostname || e.Headers != nil {
		t.Errorf("got %+v", e)
	}
	e = only("maxNumBatchRequests: 7", "maxAttempts: 3", "maxBatchBytes: 1_000", "maxInFlight: 5", "verifyHostname: false",
		"headers: {X-Two: '2', Authorization: Bearer sesame}")
	if e.MaxNumBatchRequests != 7 || e.MaxAttempts != 3 || e.MaxBatchBytes != 1000 || e.MaxInFlight != 5 || e.VerifyHostname {
		t.Errorf("got %+v", e)
	}
	if want := []module.Header{{Name: "X-Two", Value: "2"}, {Name: "Authorization", Value: "Bearer sesame"}}; !reflect.DeepEqual(e.Headers, want) {
		t.Errorf("got %v, %q", e.Headers, e.Headers[1].Value.Reveal())
	}
	for _, line := range []string{"maxNumBatchRequests: 0", "maxNumBatchRequests: -1"} {
		if e := only(line); e.MaxNumBatchRequests != 0 {
			t.Errorf("%s: got %d", line, e.MaxNumBatchRequests)
		}
	}
	if e := only("maxAttempts: unlimited"); !e.RetryForever || e.MaxAttempts != 0 {
		t.Errorf("got %+v", e)
	}
}

func TestEndpointURL(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"http://h:8000/x/{function.name}/y?f={function.name}": "http://h:8000/x/greeter/y?f=greeter",
		"https://{function.name}.fns.svc/x":                   "https://greeter.fns.svc/x",
		"https+unix:///run/{function.name}.sock/x":            "https+unix:///run/greeter.sock/x",
		"HTTP://[::1]:80": "HTTP://[::1]:80",
	} {
		m, _ := load(t, v1("functions: a/*", "urlPathTemplate: '"+template+"'"), module.Options{})
		if got := m.Endpoints[0].URL("a/greeter"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
