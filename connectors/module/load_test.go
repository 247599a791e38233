package module_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// write writes a file below a directory, and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is a LookupEnv of these variables.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// load loads a module of one file, which must be right.
func load(t *testing.T, text string, o module.Options) (*module.Module, []module.Problem) {
	t.Helper()
	m, warnings, err := module.Load([]string{write(t, t.TempDir(), "module.yaml", text)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, warnings
}

// problems are the errors and warnings of a file, without its path.
func problems(t *testing.T, text string, o module.Options) (wrong, warnings []string) {
	t.Helper()
	path := write(t, t.TempDir(), "module.yaml", text)
	m, ws, err := module.Load([]string{path}, o)
	for _, w := range ws {
		warnings = append(warnings, strings.ReplaceAll(w.String(), path, "F"))
	}
	if err == nil {
		return nil, warnings
	}
	e, ok := errors.AsType[*module.LoadError](err)
	if !ok || m != nil {
		t.Fatalf("got %v, %T", m, err)
	}
	for _, p := range e.Problems {
		wrong = append(wrong, strings.ReplaceAll(p.String(), path, "F"))
	}
	return wrong, warnings
}

// example loads the full example of the current format, with certificates.
func example(t *testing.T) (m *module.Module, certs string) {
	t.Helper()
	text, err := os.ReadFile("testdata/current.yaml")
	if err != nil {
		t.Fatal(err)
	}
	certs = t.TempDir()
	for _, name := range []string{"ca.pem", "client.crt", "client.key.p8", "key_password.txt"} {
		write(t, certs, name, "x")
	}
	m, warnings := load(t, strings.ReplaceAll(string(text), "/certs/", certs+"/"), module.Options{})
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	return m, certs
}

// undefined takes away where a component is defined and what is only for people,
// so that components of different files compare.
func undefined(c module.Component) any {
	v := reflect.New(reflect.TypeOf(c).Elem()).Elem()
	v.Set(reflect.ValueOf(c).Elem())
	d := v.FieldByName("Definition").Addr().Interface().(*module.Definition)
	d.Place = module.Place{}
	return v.Interface()
}

// COMPAT 53, 55: the example of all kinds, and a trailing document that is null.
func TestCurrentFormat(t *testing.T) {
	t.Parallel()
	m, certs := example(t)
	path := m.Files[0]
	defined := func(kind functions.TypeName, line int) module.Definition {
		return module.Definition{Kind: kind, Place: module.Place{File: path, Line: line, Column: 1}}
	}
	e := m.Endpoints[0]
	if got := e.String(); got != "functions com.example.fns/* at https://fns.example.com:8443/statefun/{function.name}" {
		t.Errorf("got %s", got)
	}
	if e.Definition != defined(module.KindEndpointV2, 1) || e.Functions != "com.example.fns/*" || e.MaxNumBatchRequests != 1000 ||
		!e.VerifyHostname || e.MaxAttempts != 0 || e.RetryForever ||
		e.URL("com.example.fns/greeter") != "https://fns.example.com:8443/statefun/greeter" {
		t.Errorf("got %+v", e)
	}
	if want := (module.Transport{
		Type: module.TransportAsync, Call: 2 * time.Minute, Connect: 20 * time.Second, PoolTTL: 15 * time.Second, PoolSize: 1024, PayloadMaxBytes: 32 << 20,
		TrustCACerts: certs + "/ca.pem", ClientCert: certs + "/client.crt", ClientKey: certs + "/client.key.p8", ClientKeyPassword: certs + "/key_password.txt",
	}); e.Transport != want {
		t.Errorf("got  %+v\nwant %+v", e.Transport, want)
	}
	e = m.Endpoints[1]
	if e.Definition.Kind != module.KindEndpointV1 || e.Functions != "com.example.sidecar/audit" || e.MaxNumBatchRequests != 500 ||
		e.URL("com.example.sidecar/audit") != "http+unix:///run/audit.sock/statefun" {
		t.Errorf("got %+v", e)
	}
	if want := (module.Transport{
		Type: module.TransportOkHTTP, Call: time.Minute, Connect: 10 * time.Second, Read: 10 * time.Second, Write: 10 * time.Second,
		PoolTTL: time.Minute, PoolSize: 1024,
	}); e.Transport != want {
		t.Errorf("got %+v", e.Transport)
	}
	routes := func(source string, targets ...functions.TypeName) []module.Route {
		return []module.Route{{Source: source, ValueType: "com.example/User", Targets: targets}}
	}
	want := []module.Component{
		m.Endpoints[0], m.Endpoints[1],
		&module.KafkaIngress{
			Definition: defined(module.KindKafkaIngress, 25), ID: "com.example/users", Address: "kafka-broker:9092",
			ConsumerGroupID: "my-consumer-group", Topics: routes("user-topic", "com.example.fns/greeter", "com.example.sidecar/audit"),
			AutoOffsetReset: module.OffsetEarliest,
			StartupPosition: module.StartupPosition{Type: module.StartupSpecificOffsets, Offsets: []module.PartitionOffset{
				{Topic: "user-topic", Partition: 0, Offset: 91}, {Topic: "user-topic", Partition: 1, Offset: 11},
			}},
			Properties: []module.Property{{Key: "max.poll.records", Value: "500"}},
		},
		&module.KafkaEgress{
			Definition: defined(module.KindKafkaEgress, 45), ID: "com.example/greets", Address: "kafka-broker:9092",
			Semantic: module.ExactlyOnce, TransactionTimeout: 15 * time.Minute,
			Properties: []module.Property{{Key: "compression.type", Value: "lz4"}},
		},
		&module.KinesisIngress{
			Definition: defined(module.KindKinesisIngress, 55), ID: "com.example/kin-in",
			Region:      module.AWSRegion{Type: module.RegionSpecific, ID: "eu-west-1"},
			Credentials: module.AWSCredentials{Type: module.CredentialsDefault},
			Streams:     routes("user-stream", "com.example.fns/greeter"), StartupPosition: module.StartupPosition{Type: module.StartupLatest},
			Properties: []module.Property{{Key: "SocketTimeout", Value: "9999"}},
		},
		&module.KinesisEgress{
			Definition: defined(module.KindKinesisEgress, 68), ID: "com.example/kin-out",
			Region:                module.AWSRegion{Type: module.RegionCustomEndpoint, ID: "us-west-1", Endpoint: "https://localhost:4567"},
			Credentials:           module.AWSCredentials{Type: module.CredentialsProfile, ProfileName: "john-doe", ProfilePath: "/path/to/config"},
			MaxOutstandingRecords: 9999, Properties: []module.Property{{Key: "ThreadingModel", Value: "POOLED"}},
		},
	}
	for i, c := range m.Components {
		if !reflect.DeepEqual(c, want[i]) {
			t.Errorf("got  %#v\nwant %#v", c, want[i])
		}
	}
	if len(m.Components) != len(want) || len(m.Ingresses) != 2 || len(m.Egresses) != 2 ||
		m.Ingresses[0].IngressID() != "com.example/users" || m.Egresses[1].EgressID() != "com.example/kin-out" {
		t.Errorf("got %v", m.Components)
	}
}

// COMPAT 54: the example of the legacy format is what the same in the current
// format is.
func TestLegacyFormat(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/legacy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	legacy, warnings := load(t, string(text), module.Options{})
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	current, _ := load(t, `
kind: io.statefun.endpoints.v1/http
spec:
  functions: com.example.fns/*
  urlPathTemplate: http://fns:8000/statefun
  maxNumBatchRequests: 10000
  timeouts: {call: 1min, connect: 10s, read: 10s, write: 10s}
---
kind: io.statefun.kafka.v1/ingress
spec:
  id: com.example/users
  address: kafka-broker:9092
  consumerGroupId: g1
  startupPosition: {type: earliest}
  topics:
    - {topic: names, valueType: com.example/User, targets: [com.example.fns/greeter]}
---
kind: io.statefun.kafka.v1/egress
spec:
  id: com.example/greets
  address: kafka-broker:9092
  deliverySemantic: {type: exactly-once, transactionTimeout: 15min}
`, module.Options{})
	if len(legacy.Components) != 3 {
		t.Fatalf("got %v", legacy.Components)
	}
	for i, c := range legacy.Components {
		if got, want := undefined(c), undefined(current.Components[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %#v\nwant %#v", got, want)
		}
	}
	k := legacy.Ingresses[0].(*module.KafkaIngress)
	if k.ID != "com.example/users" || k.AutoOffsetReset != module.OffsetLatest || k.StartupPosition.Type != module.StartupEarliest {
		t.Errorf("got %+v", k)
	}
}

const minimal = `
kind: io.statefun.endpoints.v2/http
spec:
  functions: %s
  urlPathTemplate: http://localhost/%s
`

func endpoint(pattern string) string { return fmt.Sprintf(minimal, pattern, "x") }

// COMPAT 51, 52: the specific endpoint of a function beats that of its namespace,
// in whatever order they are.
func TestEndpointOf(t *testing.T) {
	t.Parallel()
	m, _ := load(t, endpoint("a/*")+"---"+endpoint("a/x")+"---"+endpoint("b/y")+"---"+endpoint("b/*"), module.Options{})
	for of, want := range map[functions.TypeName]module.Pattern{"a/x": "a/x", "a/y": "a/*", "b/y": "b/y", "b/x": "b/*", "a/new": "a/*"} {
		if e := m.Endpoint(of); e == nil || e.Functions != want {
			t.Errorf("%s: got %v, want %s", of, e, want)
		}
	}
	for _, of := range []functions.TypeName{"c/x", "a.b/x", "aa/x"} {
		if e := m.Endpoint(of); e != nil {
			t.Errorf("%s: got %v", of, e)
		}
	}
}

// COMPAT 58, 59: files, directories and URLs of both, each file once.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "modules/b/module.yaml", endpoint("b/*"))
	write(t, dir, "modules/a/module.yaml", endpoint("a/*")+"---\n---\n")
	write(t, dir, "modules/a/other.yaml", "not: read")
	write(t, dir, "modules/README", "not a directory")
	write(t, dir, "modules/empty/x", "")
	single := write(t, dir, "single.yaml", endpoint("s/*"))
	own := write(t, dir, "own/module.yaml", endpoint("own/*"))
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	a, b := at("modules", "a", "module.yaml"), at("modules", "b", "module.yaml")
	for _, test := range []struct {
		paths, want []string
	}{
		{[]string{at("modules")}, []string{a, b}},
		{[]string{single, at("modules"), b, at("modules", "..", "single.yaml")}, []string{single, a, b}},
		{[]string{"file://" + filepath.ToSlash(at("own")), "file:" + single}, []string{own, single}},
		{[]string{"file://localhost" + filepath.ToSlash(single)}, []string{single}},
	} {
		m, _, err := module.Load(test.paths, module.Options{})
		if err != nil || !reflect.DeepEqual(m.Files, test.want) || len(m.Endpoints) != len(test.want) {
			t.Errorf("%v: got %+v, %v", test.paths, m, err)
		}
	}
	for path, want := range map[string]string{
		at("none"):                      "The requested resource does not exist.",
		at("modules", "empty"):          "expected module.yaml in this directory",
		"https://localhost/module.yaml": "expected the path of a file or directory, or a file:// URL",
		"file://elsewhere/module.yaml":  "expected a URL such as file:///path/module.yaml",
		"classpath:module.yaml":         "expected the path",
		"":                              "expected the path",
	} {
		_, _, err := module.Load([]string{path}, module.Options{})
		if err == nil || !strings.Contains(err.Error(), "Failed loading a module at "+path) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", path, err)
		}
	}
}

// A config map that is mounted has its files behind links and hidden directories.
func TestMountedConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "..2026_01/module.yaml", endpoint("a/*"))
	if err := errors.Join(os.Symlink("..2026_01", filepath.Join(dir, "..data")), os.Symlink("..data/module.yaml", filepath.Join(dir, "module.yaml"))); err != nil {
		t.Fatal(err)
	}
	if m, _, err := module.Load([]string{dir}, module.Options{}); err != nil || len(m.Endpoints) != 1 {
		t.Errorf("got %v, %v", m, err)
	}
}

// COMPAT 92: what was removed is not there after the next load, what was added is.
func TestEditedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	playground := "\n---\nkind: io.statefun.playground.v1/ingress\nspec: {port: 8090}\n"
	for text, want := range map[string]int{endpoint("a/*") + playground: 1, endpoint("a/*"): 0} {
		path := write(t, dir, "module.yaml", text)
		m, _, err := module.Load([]string{path}, module.Options{})
		if err != nil || len(m.Ingresses) != want || len(m.Endpoints) != 1 {
			t.Errorf("got %+v, %v", m, err)
		}
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kafka := func(id string) string {
		return "\n---\nkind: io.statefun.kafka.v1/egress\nspec: {id: " + id + ", address: a}\n"
	}
	first := write(t, dir, "first.yaml", endpoint("a/x")+"---"+endpoint("a/*")+kafka("k/out"))
	second := write(t, dir, "second.yaml", endpoint("a/*")+"---"+endpoint("a/x")+kafka("k/out")+kafka("k/in")+
		"---\nkind: io.statefun.playground.v1/egress\nspec: {port: 1, topics: [a]}\n---\nkind: io.statefun.playground.v1/egress\nspec: {port: 2, topics: [a]}\n")
	_, _, err := module.Load([]string{first, second}, module.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		second + ":4:14: spec.functions: A binding for the key a/* was previously defined. Expected one endpoint of it, found another; first at " + first + ":9:14\n",
		second + ":9:14: spec.functions: A binding for the key a/x was previously defined. Expected one endpoint of it, found another; first at " + first + ":4:14\n",
		second + ":14:12: spec.id: A binding for the key k/out was previously defined. Expected one egress of it, found another; first at " + first + ":14:12\n",
		second + ":24:7: spec: A binding for the key io.statefun.playground/egress was previously defined. Expected one egress of it, found another; first at " + second + ":21:7",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%s", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("%d errors in\n%s", n, err)
	}
}

// The same id is fine for an ingress and an egress.
func TestSameIDOfIngressAndEgress(t *testing.T) {
	t.Parallel()
	m, _ := load(t, `
kind: io.statefun.kafka.v1/egress
spec: {id: k/x, address: a}
---
kind: io.statefun.kafka.v1/ingress
spec: {id: k/x, address: a, consumerGroupId: g, topics: [{topic: t, valueType: v, targets: [a/b]}]}
`, module.Options{Functions: []functions.TypeName{"a/b"}})
	if len(m.Ingresses) != 1 || len(m.Egresses) != 1 {
		t.Errorf("got %+v", m)
	}
}

// An empty file is an empty module, as in StateFun; the whole is only warned about.
func TestNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n---\n"} {
		wrong, warnings := problems(t, text, module.Options{})
		want := []string{
			"F: There are no ingress defined. Messages come in only through the HTTP interface of the node",
			"F: There are no function providers defined. Nothing handles messages",
		}
		if wrong != nil || !reflect.DeepEqual(warnings, want) {
			t.Errorf("%q: got %q, %q", text, wrong, warnings)
		}
	}
	if m, _, err := module.Load(nil, module.Options{}); err != nil || len(m.Files) != 0 {
		t.Errorf("got %v, %v", m, err)
	}
}
