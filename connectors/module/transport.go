package module

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// The transports of endpoints.
const (
	TransportAsync  functions.TypeName = "io.statefun.transports.v1/async"
	TransportOkHTTP functions.TypeName = "io.statefun.transports.v1/okhttp"
)

// Transport says how functions are called: which of StateFun's clients is copied,
// and its settings.
type Transport struct {
	// Type is TransportAsync or TransportOkHTTP.
	Type functions.TypeName
	// Call bounds a call, with all attempts and the waits between them.
	Call time.Duration
	// Connect bounds the making of a connection. 0 is no bound of its own.
	Connect time.Duration
	// Read and Write bound the wait for a part of the answer or of the request.
	// TransportOkHTTP only.
	Read, Write time.Duration

	// PoolTTL is how long an idle connection is kept. 0 is for ever.
	PoolTTL time.Duration
	// PoolSize is how many connections there are at a time with TransportAsync,
	// how many idle ones with TransportOkHTTP.
	PoolSize int
	// PayloadMaxBytes is the largest answer. 0, with TransportOkHTTP, is the
	// runtime's own limit.
	PayloadMaxBytes int64

	// Paths of PEM files, "" if there is none. ClientCert and ClientKey go
	// together. ClientKeyPassword is the path of a file, too.
	TrustCACerts, ClientCert, ClientKey, ClientKeyPassword string
}

func defaultAsync() Transport {
	return Transport{
		Type: TransportAsync, Call: 2 * time.Minute, Connect: 20 * time.Second,
		PoolTTL: 15 * time.Second, PoolSize: 1024, PayloadMaxBytes: 32 << 20,
	}
}

func defaultOkHTTP() Transport {
	return Transport{
		Type: TransportOkHTTP, Call: time.Minute, Connect: 10 * time.Second, Read: 10 * time.Second, Write: 10 * time.Second,
		PoolTTL: time.Minute, PoolSize: 1024,
	}
}

// bindTransport reads the transport of an endpoint of version 2.
func bindTransport(spec *Object) Transport {
	o, ok := spec.Get("transport").Object()
	if !ok {
		return defaultAsync()
	}
	typ := TransportAsync
	if v := o.Get("type"); v != nil {
		if t, ok := v.TypeName(); ok {
			typ = t
		}
	}
	switch typ {
	case TransportAsync:
		return bindAsync(o)
	case TransportOkHTTP:
		t := defaultOkHTTP()
		t.bindTimeouts(o)
		o.Unused("with "+string(TransportOkHTTP), "call", "connect", "pool_ttl", "pool_size", "payload_max_bytes",
			"trust_cacerts", "client_cert", "client_key", "client_key_password")
		return t
	}
	noExtension(o.Get("type"), typ, []functions.TypeName{TransportAsync, TransportOkHTTP})
	o.open = true // nobody knows its keys
	return Transport{}
}

func bindAsync(o *Object) Transport {
	t := defaultAsync()
	setDuration(o.Get("call"), &t.Call, true)
	setDuration(o.Get("connect"), &t.Connect, false)
	setDuration(o.Get("pool_ttl"), &t.PoolTTL, false)
	if o.Get("timeouts") != nil {
		// As in StateFun, the nested form wins, and brings its own defaults.
		o.Unused("because timeouts is there", "call", "connect")
		t.bindTimeouts(o)
		t.Read, t.Write = 0, 0
	}
	if n, ok := o.Get("pool_size").Int(1, math.MaxInt32); ok {
		t.PoolSize = int(n)
	}
	if n, ok := o.Get("payload_max_bytes").Int(1, math.MaxInt32); ok {
		t.PayloadMaxBytes = n
	}
	t.bindTLS(o)
	return t
}

// setDuration reads a duration, if it is there. positive forbids 0.
func setDuration(v *Value, to *time.Duration, positive bool) {
	d, ok := v.Duration()
	if !ok {
		return
	}
	if positive && d == 0 {
		v.Errorf("Timeout durations must be larger than 0. Found %s", v.Shown())
		return
	}
	*to = d
}

// bindTimeouts reads the key timeouts, which replaces all time-outs at once.
func (t *Transport) bindTimeouts(o *Object) {
	v := o.Get("timeouts")
	in, ok := v.Object()
	if !ok {
		return
	}
	d := defaultOkHTTP()
	before := len(v.report.errors)
	setDuration(in.Get("call"), &d.Call, true)
	parts := []struct {
		key, name string
		value     *time.Duration
	}{{"connect", "Connect", &d.Connect}, {"read", "Read", &d.Read}, {"write", "Write", &d.Write}}
	for _, p := range parts {
		setDuration(in.Get(p.key), p.value, true)
	}
	if len(v.report.errors) == before {
		for _, p := range parts {
			if *p.value > d.Call {
				in.at(p.key).Errorf("%s timeout cannot be larger than request timeout. Expected at most call, which is %s, found %s",
					p.name, shownOr(in.Get("call"), d.Call), shownOr(in.Get(p.key), *p.value))
			}
		}
	}
	if t.Type == TransportAsync {
		in.Unused("with "+string(TransportAsync), "read", "write")
	}
	t.Call, t.Connect, t.Read, t.Write = d.Call, d.Connect, d.Read, d.Write
}

func shownOr(v *Value, fallback time.Duration) string {
	if v == nil {
		return fallback.String() + " by default"
	}
	return v.Shown()
}

// bindTLS reads the paths of certificates and keys.
func (t *Transport) bindTLS(o *Object) {
	const notThere = "The requested resource does not exist."
	cert, key, password := o.Get("client_cert"), o.Get("client_key"), o.Get("client_key_password")
	t.TrustCACerts = bindResource(o.Get("trust_cacerts"), notThere)
	t.ClientCert = bindResource(cert, notThere)
	t.ClientKey = bindResource(key, notThere)
	if password != nil {
		t.ClientKeyPassword = bindResource(password, "Could not read the key password from the file "+password.bare()+
			". Examples of the correct usage: 'classpath:file.txt' or '/path/to/pass', etc.")
	}
	if (cert == nil) != (key == nil) {
		o.at("client_cert", "client_key").Errorf("You need to provide both the cert and they key if you want to use mutual TLS. " +
			"Expected client_cert and client_key, found one of them")
	}
	if password != nil && key == nil {
		password.Warnf("has no effect without client_key")
	}
}

// bindResource reads where a file is and checks that it is there: a path, or file:
// or classpath: before one. StateFun has the directories of its modules on the
// class path; so what is there is sought beside the module file.
func bindResource(v *Value, notThere string) string {
	location, ok := v.Text()
	if !ok {
		return ""
	}
	path := location
	if rest, ok := strings.CutPrefix(location, "classpath:"); ok {
		path = filepath.Join(filepath.Dir(v.place.File), filepath.FromSlash(strings.TrimPrefix(rest, "/")))
	} else if local, err := localPath(location); err == nil {
		path = local
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		v.Errorf("%s Expected a file, found %s: %s", notThere, v.Shown(), reason(err))
	case info.IsDir():
		v.Errorf("%s Expected a file, found %s, which is a directory", notThere, v.Shown())
	}
	return path
}
