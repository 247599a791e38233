package module_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/connectors/module"
)

// spec is a document of a kind; the lines of its spec begin at line 3.
func spec(kind string, lines ...string) string {
	return "kind: " + kind + "\nspec:\n  " + strings.Join(lines, "\n  ") + "\n"
}

func v1(lines ...string) string { return spec("io.statefun.endpoints.v1/http", lines...) }

func v2(lines ...string) string {
	return spec("io.statefun.endpoints.v2/http", append([]string{"functions: a/b", "urlPathTemplate: http://h/"}, lines...)...)
}

func kafkaIn(lines ...string) string {
	return spec("io.statefun.kafka.v1/ingress", append([]string{"id: a/b", "address: h", "consumerGroupId: g",
		"topics: [{topic: t, valueType: v, targets: [a/b]}]"}, lines...)...)
}

func kafkaOut(lines ...string) string {
	return spec("io.statefun.kafka.v1/egress", append([]string{"id: a/b", "address: h"}, lines...)...)
}

func kinesisIn(lines ...string) string {
	return spec("io.statefun.kinesis.v1/ingress", append([]string{"id: a/b", "streams: [{stream: s, valueType: v, targets: [a/b]}]"}, lines...)...)
}

func kinesisOut(lines ...string) string {
	return spec("io.statefun.kinesis.v1/egress", append([]string{"id: a/b"}, lines...)...)
}

const (
	inEndpoint   = " (Error parsing a HttpFunctionEndpointSpec.)"
	inKafkaIn    = " (Error parsing an AutoRoutableKafkaIngressSpec.)"
	inKafkaOut   = " (Error parsing a GenericKafkaEgressSpec.)"
	inKinesisIn  = " (Error parsing an AutoRoutableKinesisIngressSpec.)"
	inKinesisOut = " (Error parsing a GenericKinesisEgressSpec.)"
	component    = "Invalid ComponentJsonObject; components should be a JSON object with the required fields [kind] and [spec]."
	loading      = " (Failed loading a module at F)"
)

// COMPAT 57: what StateFun says, with place and field. F is the file. The texts of a
// whole application without ingress or functions are in TestNothing (here it may have
// neither), those of duplicates in TestDuplicates. That there is no source provider,
// and no router, can only be said of Java modules; an SSL context is built by the
// transport.
func TestStateFunErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		// Components.
		{"a list", "- a\n", []string{"F:1:1: " + component + " Found a list"}},
		{"a text", "a\n", []string{"F:1:1: " + component + ` Found "a"`}},
		{"no kind", "spec: {}\n", []string{"F:1:1: kind: " + component + " Found no kind"}},
		{"no spec", "kind: a/b\n", []string{"F:1:1: spec: " + component + " Found no spec"}},
		{"neither", "metadata: {}\n", []string{"F:1:1: kind: " + component + " Found no kind", "F:1:1: spec: " + component + " Found no spec"}},
		{"bad kind", "kind: abc\nspec: {}\n",
			[]string{"F:1:7: kind: Invalid type name string: abc. Must be of format <namespace>/<name>. (Invalid binder kind format.)"}},
		{"kind with three parts", "kind: a/b/c\nspec: {}\n",
			[]string{"F:1:7: kind: Invalid type name string: a/b/c. Must be of format <namespace>/<name>. (Invalid binder kind format.)"}},
		{"unknown kind", "kind: io.statefun.kafka.v1/ingres\nspec: {}\n",
			[]string{"F:1:7: kind: An extension with type TypeName(io.statefun.kafka.v1, ingres) does not exist. Did you mean io.statefun.kafka.v1/ingress?"}},
		{"spec no mapping", "kind: io.statefun.kafka.v1/egress\nspec: [1]\n",
			[]string{"F:2:7: spec: Wrong type for key /spec not an object: expected a mapping, found a list"}},

		// Endpoints.
		{"functions missing", v1("urlPathTemplate: http://h/"),
			[]string{"F:3:3: spec.functions: missing key /functions: expected <namespace>/<name> or <namespace>/*, found nothing"}},
		{"functions null", v1("functions:", "urlPathTemplate: http://h/"),
			[]string{"F:3:3: spec.functions: missing key /functions: expected <namespace>/<name> or <namespace>/*, found nothing"}},
		{"no integer", v1("functions: a/b", "urlPathTemplate: http://h/", "maxNumBatchRequests: many"),
			[]string{`F:5:24: spec.maxNumBatchRequests: Wrong type for key /maxNumBatchRequests not an integer: expected an integer from -2147483648 to 2147483647, found "many"`}},
		{"pattern in the name", v1("functions: a/b*", "urlPathTemplate: http://h/"),
			[]string{`F:3:14: spec.functions: Invalid syntax for target functions. Only <namespace>/<name> or <namespace>/* are supported. Found "a/b*"`}},
		{"pattern in the namespace", v1(`functions: "*/*"`, "urlPathTemplate: http://h/"),
			[]string{`F:3:14: spec.functions: Invalid syntax for target functions. Only <namespace>/<name> or <namespace>/* are supported. Found "*/*"`}},
		{"endpoint spec", spec("io.statefun.endpoints.v2/http", "functions: [a/b]"), []string{
			"F:3:3: spec.urlPathTemplate: missing key /urlPathTemplate: expected a URL, found nothing" + inEndpoint,
			"F:3:14: spec.functions: Wrong type for key /functions not a string: expected a text, found a list" + inEndpoint,
		}},
		{"unknown transport", v2("transport:", "  type: io.statefun.transports.v1/asinc", "  cal: 1s"),
			[]string{"F:6:11: spec.transport.type: An extension with type TypeName(io.statefun.transports.v1, asinc) does not exist. Did you mean io.statefun.transports.v1/async?" + inEndpoint}},
		{"zero time-out", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {call: 0, read: 0s}"), []string{
			`F:5:20: spec.timeouts.call: Timeout durations must be larger than 0. Found "0"`,
			`F:5:29: spec.timeouts.read: Timeout durations must be larger than 0. Found "0s"`,
		}},
		{"time-outs above call", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {call: 11s, connect: 12s, read: 13s, write: 14s}"), []string{
			`F:5:34: spec.timeouts.connect: Connect timeout cannot be larger than request timeout. Expected at most call, which is "11s", found "12s"`,
			`F:5:45: spec.timeouts.read: Read timeout cannot be larger than request timeout. Expected at most call, which is "11s", found "13s"`,
			`F:5:57: spec.timeouts.write: Write timeout cannot be larger than request timeout. Expected at most call, which is "11s", found "14s"`,
		}},
		{"default above call", v2("transport: {type: io.statefun.transports.v1/okhttp, timeouts: {call: 5s, connect: 1s, read: 5s}}"),
			[]string{`F:5:65: spec.transport.timeouts: Write timeout cannot be larger than request timeout. Expected at most call, which is "5s", found 10s by default` + inEndpoint}},
		{"connect above the default", v1("functions: a/b", "urlPathTemplate: http://h/", "timeouts: {connect: 2m}"),
			[]string{`F:5:23: spec.timeouts.connect: Connect timeout cannot be larger than request timeout. Expected at most call, which is 1m0s by default, found "2m"`}},
		{"cert without key", v2("transport: {client_cert: testdata/current.yaml}"),
			[]string{"F:5:28: spec.transport.client_cert: You need to provide both the cert and they key if you want to use mutual TLS. Expected client_cert and client_key, found one of them" + inEndpoint}},
		{"key without cert", v2("transport: {client_key: testdata/current.yaml}"),
			[]string{"F:5:27: spec.transport.client_key: You need to provide both the cert and they key if you want to use mutual TLS. Expected client_cert and client_key, found one of them" + inEndpoint}},
		{"no such file", v2("transport: {trust_cacerts: 'file:testdata/none', client_key_password: classpath:none.txt}"), []string{
			`F:5:30: spec.transport.trust_cacerts: The requested resource does not exist. Expected a file, found "file:testdata/none": no such file or directory` + inEndpoint,
			`F:5:73: spec.transport.client_key_password: Could not read the key password from the file classpath:none.txt. Examples of the correct usage: 'classpath:file.txt' or '/path/to/pass', etc. Expected a file, found "classpath:none.txt": no such file or directory` + inEndpoint,
		}},

		// Kafka.
		{"no topics", spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g"),
			[]string{"F:3:3: spec: Routing config for routable Kafka ingress cannot be empty. Expected at least one entry of topics, found none" + inKafkaIn}},
		{"empty topics", spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g", "topics: []"),
			[]string{"F:6:11: spec.topics: Routing config for routable Kafka ingress cannot be empty. Expected at least one entry of topics, found none" + inKafkaIn}},
		{"no address, no group", spec("io.statefun.kafka.v1/ingress", "id: a/b", "topics: [{topic: t, valueType: v, targets: [a/b]}]"), []string{
			"F:3:3: spec.address: Missing setting for Kafka address. Expected address or the property bootstrap.servers, found neither" + inKafkaIn,
			"F:3:3: spec.consumerGroupId: Missing setting for consumer group id. Expected consumerGroupId or the property group.id, found neither" + inKafkaIn,
		}},
		{"startup type", kafkaIn("startupPosition: {type: newest}"),
			[]string{"F:7:27: spec.startupPosition.type: Invalid startup position type: newest; valid values are [group-offsets, earliest, latest, specific-offsets, date]" + inKafkaIn}},
		{"offset without partition", kafkaIn("startupPosition: {type: specific-offsets, offsets: [{topic: 1}]}"),
			[]string{"F:7:55: spec.startupPosition.offsets[0]: topic does not conform to the <topic>/<partition_id> format" + inKafkaIn}},
		{"partition no number", kafkaIn("startupPosition: {type: specific-offsets, offsets: [{t/x: 1}]}"),
			[]string{"F:7:55: spec.startupPosition.offsets[0]: Invalid topic partition definition: t/x; expected an integer from 0 to 2147483647 as partition" + inKafkaIn}},
		{"no offsets", kafkaIn("startupPosition: {type: specific-offsets, offsets: []}"),
			[]string{"F:7:54: spec.startupPosition.offsets: Provided specific offsets must not be empty. Expected a list of <topic>/<partition>: <offset>, found an empty one" + inKafkaIn}},
		{"the date of StateFun's documentation", kafkaIn("startupPosition: {type: date, date: '2020-02-01 04:15:00.00 Z'}"),
			[]string{"F:7:39: spec.startupPosition.date: Unable to parse date string for startup position: 2020-02-01 04:15:00.00 Z; the date should conform to the pattern yyyy-MM-dd HH:mm:ss.SSS Z" + inKafkaIn}},
		{"offset reset", kafkaIn("autoOffsetResetPosition: none"),
			[]string{"F:7:28: spec.autoOffsetResetPosition: Invalid autoOffsetResetPosition: none; valid values are [earliest, latest]" + inKafkaIn}},
		{"target", spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g", "topics:", "  - topic: t", "    valueType: v", "    targets: [a/b, c]"),
			[]string{"F:9:22: spec.topics[0].targets[1]: Invalid type name string: c. Must be of format <namespace>/<name>." + inKafkaIn}},
		{"semantic", kafkaOut("deliverySemantic: {type: twice}"),
			[]string{"F:5:28: spec.deliverySemantic.type: Invalid delivery semantic type: twice; valid types are [at-least-once, exactly-once, none]" + inKafkaOut}},
		{"no transaction time-out", kafkaOut("deliverySemantic: {type: exactly-once}"),
			[]string{"F:5:21: spec.deliverySemantic.transactionTimeout: missing key /deliverySemantic/transactionTimeout: expected a duration such as 15min (exactly-once needs it), found nothing" + inKafkaOut}},
		{"egress without address", spec("io.statefun.kafka.v1/egress", "id: a/b", "properties: [bootstrap.servers: h]"),
			[]string{"F:3:3: spec.address: Missing setting for Kafka address. Expected address, found nothing" + inKafkaOut}},

		// Kinesis.
		{"no streams", spec("io.statefun.kinesis.v1/ingress", "id: a/b"),
			[]string{"F:3:3: spec: Routing config for routable Kinesis ingress cannot be empty. Expected at least one entry of streams, found none" + inKinesisIn}},
		{"Kinesis startup type", kinesisIn("startupPosition: {type: group-offsets}"),
			[]string{"F:5:27: spec.startupPosition.type: Invalid startup position type: group-offsets; valid values are [earliest, latest, date]" + inKinesisIn}},
		{"region", kinesisIn("awsRegion: {type: here}"),
			[]string{"F:5:21: spec.awsRegion.type: Invalid AWS region type: here; valid values are [default, specific, custom-endpoint]" + inKinesisIn}},
		{"credentials", kinesisOut("awsCredentials: {type: none, secretAccessKey: abc}"),
			[]string{"F:4:26: spec.awsCredentials.type: Invalid AWS credential type: none; valid values are [default, basic, profile]" + inKinesisOut}},
		{"endpoint without TLS", kinesisOut("awsRegion: {type: custom-endpoint, id: r, endpoint: 'http://localhost'}"),
			[]string{"F:4:55: spec.awsRegion.endpoint: Invalid service endpoint url: http://localhost; Only custom service endpoints using HTTPS are supported" + inKinesisOut}},
		{"outstanding", kinesisOut("maxOutstandingRecords: 0"),
			[]string{`F:4:26: spec.maxOutstandingRecords: Max outstanding records must be larger than 0. Found "0"` + inKinesisOut}},

		// Files.
		{"no type", "version: '3.0'\nmodule: {spec: {}}\n", []string{"F:1:1: module.meta.type: Unable to find a module type in F: expected remote, found nothing" + loading}},
		{"type", "version: '3.0'\nmodule: {meta: {type: embedded}, spec: {}}\n",
			[]string{"F:2:23: module.meta.type: Unknown module type embedded, currently supported: REMOTE" + loading}},
		{"module without spec", "version: '3.0'\nmodule: {meta: {type: remote}}\n",
			[]string{"F:1:1: module.spec: A module without a spec at F: expected a mapping, found nothing" + loading}},
		{"old version", "version: '2.0'\nmodule: {meta: {type: Remote}, spec: {}}\n",
			[]string{"F:1:10: version: Only format versions higher than or equal to 3.0 is supported. Was version 2.0." + loading}},
		{"new version", "version: '3.1'\nmodule: {meta: {type: REMOTE}, spec: {}}\n",
			[]string{`F:1:10: version: Unrecognized format version: 3.1; expected "3.0"` + loading}},
		{"version without quotes", "version: 3.0\nmodule: {meta: {type: remote}, spec: {}}\n",
			[]string{`F:1:10: version: Wrong type for key /version not a string: expected the version in quotes: "3.0", found "3.0"` + loading}},
		{"no YAML", "a: [1\nb: 2\n", []string{"F:2:2: Failed loading a module at F: expected YAML, but while parsing a flow sequence: did not find expected ',' or ']'"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, _ := problems(t, test.text, module.Options{})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// What StateFun does not check, or says without a text of its own.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"key twice", v1("functions: a/b", "functions: a/c", "urlPathTemplate: http://h/"),
			[]string{`F:4:3: spec: expected every key once, found "functions" again; first at F:3:3`}},
		{"key is a list", "? [a]\n: b\nkind: a/b\n", []string{
			"F:1:1: spec: " + component + " Found no spec", "F:1:3: expected a text as key, found a list or a mapping",
		}},
		{"unknown alias", "a: *b\n", []string{"F:1:4: Failed loading a module at F: expected YAML, but unknown anchor 'b' referenced"}},
		{"no UTF-8", "# ok\na: \xff\n", []string{"F:2:4: Failed loading a module at F: expected YAML, but invalid leading UTF-8 octet (value: 255)"}},
		{"control character", "a: x\n\x01", []string{"F:2:1: Failed loading a module at F: expected YAML, but control characters are not allowed (value: 1)"}},
		{"no scheme", v1("functions: a/b", "urlPathTemplate: localhost/x"),
			[]string{`F:4:20: spec.urlPathTemplate: expected a URL that begins with http:, https:, http+unix: or https+unix:, found "localhost/x"`}},
		{"no host", v1("functions: a/b", "urlPathTemplate: http:///x"),
			[]string{`F:4:20: spec.urlPathTemplate: expected a URL with a host, such as http://host:port/path, found "http:///x"`}},
		{"no URL", v1("functions: a/b", "urlPathTemplate: 'http://h:x/'"), []string{`F:4:20: spec.urlPathTemplate: expected a URL, found "http://h:x/"`}},
		{"no socket", v1("functions: a/b", "urlPathTemplate: http+unix:///run/x/y"),
			[]string{`F:4:20: spec.urlPathTemplate: expected http+unix:///path/of/a.sock/path with a name that ends in .sock, found "http+unix:///run/x/y"`}},
		{"durations", v2("transport: {call: soon, connect: 3 fortnights, pool_ttl: [1]}"), []string{
			`F:5:21: spec.transport.call: expected a duration such as 10s, 1min or 500ms: it does not start with a number, found "soon"` + inEndpoint,
			`F:5:36: spec.transport.connect: expected a duration such as 10s, 1min or 500ms: the unit is none of d, h, min, s, ms, µs and ns, nor their long names, found "3 fortnights"` + inEndpoint,
			`F:5:60: spec.transport.pool_ttl: Wrong type for key /transport/pool_ttl not a string: expected a text, found a list` + inEndpoint,
		}},
		{"sizes", v2("transport: {pool_size: 0, payload_max_bytes: 3000000000}"), []string{
			`F:5:26: spec.transport.pool_size: expected an integer from 1 to 2147483647, found "0"` + inEndpoint,
			`F:5:48: spec.transport.payload_max_bytes: expected an integer from 1 to 2147483647, found "3000000000"` + inEndpoint,
		}},
		{"attempts", v1("functions: a/b", "urlPathTemplate: http://h/", "maxAttempts: forever"),
			[]string{`F:5:16: spec.maxAttempts: expected a number of attempts, at least 1, or unlimited, found "forever"`}},
		{"no attempts", v1("functions: a/b", "urlPathTemplate: http://h/", "maxAttempts: 0"),
			[]string{`F:5:16: spec.maxAttempts: expected an integer from 1 to 2147483647, found "0"`}},
		{"our fields", v1("functions: a/b", "urlPathTemplate: http://h/", "maxInFlight: -1", "maxBatchBytes: 0", "verifyHostname: maybe"), []string{
			`F:5:16: spec.maxInFlight: expected an integer from 1 to 2147483647, found "-1"`,
			`F:6:18: spec.maxBatchBytes: expected an integer, at least 1, found "0"`,
			`F:7:19: spec.verifyHostname: Wrong type for key /verifyHostname not a boolean: expected true or false, found "maybe"`,
		}},
		{"headers", v1("functions: a/b", "urlPathTemplate: http://h/", "headers:", "  content-Type: sesame", "  a b: sesame", `  C: "a\r\nsesame: b"`, "  c: sesame", "  d:"), []string{
			`F:6:5: spec.headers: expected a value of the header "d", found nothing`,
			`F:6:19: spec.headers.content-Type: expected a header that the transport does not set itself, found "content-Type"`,
			`F:7:10: spec.headers.a b: expected the name of an HTTP header, found "a b"`,
			`F:8:8: spec.headers.C: expected a value without line ends and control characters for the header "C", found some`,
			`F:9:8: spec.headers.c: expected every header once, found "C" and "c"`,
		}},
		{"properties", kafkaOut("properties: [{a: 1, b: 2}, {c: [sesame]}, {d: }]"), []string{
			"F:5:16: spec.properties[0]: expected a mapping with one entry, such as key: value, found 2 entries" + inKafkaOut,
			"F:5:34: spec.properties[1].c: Wrong type for key /properties/1/c not a string: expected a text, found a list" + inKafkaOut,
			`F:5:45: spec.properties[2]: expected a value of "d", found nothing` + inKafkaOut,
		}},
		{"transaction time-out", kafkaOut("deliverySemantic: {type: exactly-once, transactionTimeout: 30d}"),
			[]string{`F:5:62: spec.deliverySemantic.transactionTimeout: expected a duration from 1 ms to 596h31m23.647s, found "30d"` + inKafkaOut}},
		{"credentials stay secret", kinesisOut("awsCredentials: {type: basic, accessKeyId: sesame, secretAccessKey: [sesame]}"),
			[]string{"F:4:71: spec.awsCredentials.secretAccessKey: Wrong type for key /awsCredentials/secretAccessKey not a string: expected a text, found a list" + inKinesisOut}},
		{"playground", spec("io.statefun.playground.v1/egress", "port: 70000", "topics: ['']"), []string{
			`F:3:9: spec.port: expected an integer from 0 to 65535, found "70000"`,
			"F:4:12: spec.topics[0]: expected a text, found an empty one",
		}},
		{"legacy component", "version: '3.0'\nmodule:\n  meta: {type: remote}\n  spec:\n    ingresses:\n      - ingress: {meta: {id: a/b}, spec: {}}\n      - ingress: {meta: {type: a/b}}\n      - egress: {}\n", []string{
			"F:6:25: module.spec.ingresses[0].ingress.meta.type: missing key /module/spec/ingresses/0/ingress/meta/type: expected the kind of the ingress, found nothing",
			"F:7:18: module.spec.ingresses[1].ingress.spec: missing key /module/spec/ingresses/1/ingress/spec: expected a mapping, found nothing",
			"F:8:9: module.spec.ingresses[2].ingress: missing key /module/spec/ingresses/2/ingress: expected a mapping, found nothing",
		}},
		{"legacy id", "version: '3.0'\nmodule:\n  meta: {type: remote}\n  spec:\n    egresses:\n      - egress:\n          meta: {type: io.statefun.kafka/egress, id: x}\n          spec: {address: a}\n", []string{
			"F:7:54: module.spec.egresses[0].egress.meta.id: Invalid type name string: x. Must be of format <namespace>/<name>." + inKafkaOut,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, warnings := problems(t, test.text, module.Options{})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if all := fmt.Sprint(got, warnings); strings.Contains(all, "sesame") {
				t.Errorf("a secret is shown: %s", all)
			}
		})
	}
}

// COMPAT 56: what StateFun ignores is a warning, with the nearest name that is known.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"unknown keys", "metadata: x\n" + v2("maxNumBatchRequest: 5", "transport: {cal: 1m}", "xyz: 1"), []string{
			"F:1:1: metadata: unknown key, it is ignored",
			"F:6:3: spec.maxNumBatchRequest: unknown key, it is ignored; did you mean maxNumBatchRequests?",
			"F:7:15: spec.transport.cal: unknown key, it is ignored; did you mean call?",
			"F:8:3: spec.xyz: unknown key, it is ignored",
		}},
		{"other case", v1("functions: a/b", "urlPathTemplate: http://h/", "maxnumbatchrequests: 5"),
			[]string{"F:5:3: spec.maxnumbatchrequests: unknown key, it is ignored; did you mean maxNumBatchRequests?"}},
		{"no effect", v2("transport: {type: io.statefun.transports.v1/okhttp, pool_ttl: 1s}"),
			[]string{"F:5:65: spec.transport.pool_ttl: has no effect with io.statefun.transports.v1/okhttp"}},
		{"nested time-outs", v2("transport: {call: 1s, timeouts: {read: 1s}}"), []string{
			"F:5:21: spec.transport.call: has no effect because timeouts is there",
			"F:5:42: spec.transport.timeouts.read: has no effect with io.statefun.transports.v1/async",
		}},
		{"placeholder", spec("io.statefun.endpoints.v1/http", "functions: a/b", "urlPathTemplate: 'http://h/{function.namespace}/{function.name}'"),
			[]string{`F:4:20: spec.urlPathTemplate: only {function.name} is replaced, found another { in "http://h/{function.namespace}/{function.name}"`}},
		{"topic twice", v2() + "---\n" + spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g", "topics:",
			"  - {topic: t, valueType: v, targets: [a/b]}", "  - {topic: t, valueType: w, targets: []}"), []string{
			`F:13:7: spec.topics[1]: topic "t" is here twice, the last one counts`,
			"F:13:41: spec.topics[1].targets: without targets, what is read goes nowhere",
		}},
		{"properties", v2() + "---\n" + kafkaIn("properties: [auto.offset.reset: earliest]", "startupPosition: {type: earliest, offsets: 5, date: x}"), []string{
			"F:12:15: spec.properties: auto.offset.reset has no effect, autoOffsetResetPosition is latest",
			"F:13:46: spec.startupPosition.offsets: has no effect with type earliest",
			"F:13:55: spec.startupPosition.date: has no effect with type earliest",
		}},
		{"target", v2() + "---\n" + spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g",
			"topics: [{topic: t, valueType: v, targets: [a/bb, other/thing]}]"), []string{
			"F:11:47: spec.topics[0].targets[0]: Cannot find a provider for type FunctionType(a, bb): no endpoint has it; did you mean a/b?",
			"F:11:53: spec.topics[0].targets[1]: Cannot find a provider for type FunctionType(other, thing): no endpoint has it",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wrong, got := problems(t, test.text, module.Options{})
			if wrong != nil {
				t.Error(wrong)
			}
			if got[0] == "F: There are no ingress defined. Messages come in only through the HTTP interface of the node" {
				got = got[1:]
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Many problems are cut, at the same place every time.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "kind: a\nspec: %d\nmore: 0\n---\n", i)
	}
	path := write(t, t.TempDir(), "module.yaml", text.String())
	for limit, want := range map[int]int{0: 20, 7: 7} {
		_, warnings, err := module.Load([]string{path}, module.Options{MaxProblems: limit})
		e, ok := err.(*module.LoadError) //nolint:errorlint // that very type is promised
		if !ok || len(e.Problems) != want || e.More != 3000-want || e.Problems[want-1].Line != 4*want-3 {
			t.Fatalf("got %v", err)
		}
		if !strings.HasSuffix(err.Error(), fmt.Sprintf("\nand %d more", 3000-want)) {
			t.Errorf("got %s", err)
		}
		if n := len(warnings); n != want+1 || warnings[n-1].String() != fmt.Sprintf("and %d more warnings", 3000-want) {
			t.Errorf("got %v", warnings)
		}
	}
}
