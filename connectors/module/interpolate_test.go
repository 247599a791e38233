package module_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/connectors/module"
)

// COMPAT 109: references in values of every type and style.
func TestReferences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "secrets/token", "Bearer sesame\r\n")
	password := write(t, dir, "password", "pass\nword")
	path := write(t, dir, "module.yaml", v1("functions: ${NAMESPACE}/*", "urlPathTemplate: http://${HOST:-localhost}:${PORT:-80}/{function.name}",
		"maxNumBatchRequests: ${BATCH}", `timeouts: {call: "${CALL}", connect: '${EMPTY:-5}s'}`, "verifyHostname: ${NO}",
		"headers:", "  Authorization: ${file:secrets/token}", "  X-Mixed: a${A}b${B:-x:-y}c$d", `  X-Escaped: "$${A} $$${A} ${ESCAPED}"`, "  X-Block: |-", "    ${A}")+
		"---\n"+kafkaOut("properties: [p: '${file:"+password+"}']"))
	m, _, err := module.Load([]string{path}, module.Options{LookupEnv: environment(map[string]string{
		"NAMESPACE": "my.ns", "PORT": "8080", "BATCH": "12", "CALL": "30s", "EMPTY": "", "NO": "false", "A": "1", "ESCAPED": "${A}",
	})})
	if err != nil {
		t.Fatal(err)
	}
	e := m.Endpoints[0]
	if e.Functions != "my.ns/*" || e.URLPathTemplate != "http://localhost:8080/{function.name}" || e.MaxNumBatchRequests != 12 ||
		e.Transport.Call.String() != "30s" || e.Transport.Connect.String() != "5s" || e.VerifyHostname {
		t.Errorf("got %+v", e)
	}
	want := []module.Header{
		{Name: "Authorization", Value: "Bearer sesame"}, {Name: "X-Mixed", Value: "a1bx:-yc$d"},
		{Name: "X-Escaped", Value: "${A} $${A} ${A}"}, {Name: "X-Block", Value: "1"},
	}
	for i, h := range e.Headers {
		if h != want[i] {
			t.Errorf("got %s: %q, want %q", h.Name, h.Value.Reveal(), want[i].Value.Reveal())
		}
	}
	if got := m.Egresses[0].(*module.KafkaEgress).Properties[0].Value.Reveal(); got != "pass\nword" {
		t.Errorf("got %q", got)
	}
}

func TestWrongReferences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := write(t, dir, "large", strings.Repeat("x", 64<<10+1))
	binary := write(t, dir, "binary", "\xff")
	for reference, want := range map[string]string{
		"${UNSET}":                "expected the environment variable UNSET to be set (or a default: ${UNSET:-default}), it is not",
		"http://${HOST}/${UNSET}": "expected the environment variable UNSET to be set (or a default: ${UNSET:-default}), it is not",
		"${HOST":                  `expected a } that ends the reference (or $${ for the characters ${), found "${HOST"`,
		"${}":                     `expected ${NAME}, ${NAME:-default} or ${file:/path} (or $${ for the characters ${), found "${}"`,
		"${A-B}":                  `expected ${NAME}, ${NAME:-default} or ${file:/path} (or $${ for the characters ${), found "${A-B}"`,
		"${1A}":                   `expected ${NAME}, ${NAME:-default} or ${file:/path} (or $${ for the characters ${), found "${1A}"`,
		"${file:}":                "expected the path of a file, found ${file:}",
		"${file:" + dir + "}":     "expected a file that can be read: " + dir + " is a directory",
		"${file:" + filepath.Join(dir, "none") + "}": "expected a file that can be read: stat " + filepath.Join(dir, "none") + ": no such file or directory",
		"${file:" + large + "}":                      "expected a file that can be read: " + large + " has more than 65536 bytes",
		"${file:" + binary + "}":                     "expected text in UTF-8 in the file " + binary + ", found other bytes",
		"${BINARY}":                                  "expected text in UTF-8 in the environment variable BINARY, found other bytes",
	} {
		wrong, _ := problems(t, v1("functions: a/b", "urlPathTemplate: '"+reference+"'"), module.Options{
			LookupEnv: environment(map[string]string{"HOST": "sesame", "BINARY": "\xff"}),
		})
		if want := []string{"F:4:20: spec.urlPathTemplate: " + want}; !reflect.DeepEqual(wrong, want) {
			t.Errorf("%s\ngot  %q\nwant %q", reference, wrong, want)
		}
	}
}

// References are not followed in keys, nor in what references yield.
func TestReferencesInKeys(t *testing.T) {
	t.Parallel()
	_, warnings := problems(t, v1("functions: a/b", "urlPathTemplate: http://h/", "${KEY}: ${VALUE}"),
		module.Options{LookupEnv: environment(map[string]string{"VALUE": "${KEY}"})})
	if want := "F:5:3: spec.${KEY}: unknown key, it is ignored"; warnings[1] != want {
		t.Errorf("got %q", warnings)
	}
}

// What a reference yields is in no error, warning or description.
func TestReferencesAreNotShown(t *testing.T) {
	t.Parallel()
	o := module.Options{LookupEnv: environment(map[string]string{"X": "sesame", "TYPE": "sesame/sesame", "URL": "http://sesame:sesame@h/%zz", "DATE": "sesame", "N": "99 sesame"})}
	for _, text := range []string{
		spec("${X}", "a: b"), spec("${TYPE}", "a: b"), v1("functions: ${X}", "urlPathTemplate: ${URL}", "maxNumBatchRequests: ${X}"),
		v1("functions: ${TYPE}*", "urlPathTemplate: ${X}"), v2("transport: {type: '${TYPE}'}"), v2("transport: {call: '${N}', trust_cacerts: '/${X}'}"),
		v1("functions: ${TYPE}", "urlPathTemplate: http://h/") + "---\n" + v1("functions: ${TYPE}", "urlPathTemplate: http://h/"),
		v1("functions: a/b", "urlPathTemplate: http://h/", "maxAttempts: ${X}", "verifyHostname: ${X}", "headers: {Host: '${X}'}"),
		kafkaIn("startupPosition: {type: '${X}'}", "autoOffsetResetPosition: ${X}"), kafkaIn("startupPosition: {type: date, date: '${DATE}'}"),
		kafkaIn("startupPosition: {type: specific-offsets, offsets: [{a/0: '${N}'}]}"), kafkaOut("deliverySemantic: {type: '${X}'}"),
		kinesisOut("awsRegion: {type: '${X}'}", "awsCredentials: {type: '${X}'}"), kinesisOut("awsRegion: {type: custom-endpoint, id: '${X}', endpoint: '${URL}'}"),
		"version: '${X}'\nmodule: {meta: {type: '${X}'}, spec: {}}\n", "${X}", v2("transport: {timeouts: {call: '${N}'}}"),
		spec("io.statefun.kafka.v1/ingress", "id: a/b", "address: h", "consumerGroupId: g", "topics: [{topic: '${X}', valueType: v, targets: ['${TYPE}']}]"),
	} {
		wrong, warnings := problems(t, text, o)
		if all := fmt.Sprint(wrong, warnings); len(wrong)+len(warnings) == 0 || strings.Contains(all, "sesame") {
			t.Errorf("%s\n%s", text, all)
		}
	}
	m, _ := load(t, v1("functions: a/b", "urlPathTemplate: http://user:sesame@h/${X}"), o)
	if got := m.Endpoints[0].String(); got != "functions a/b at http://…@h/${X}" {
		t.Errorf("got %s", got)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	s := module.Secret("sesame")
	header := module.Header{Name: "n", Value: s}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "header", header)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "header", header)
	b, err := json.Marshal([]any{s, header})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		fmt.Sprint(s, header, &header), fmt.Sprintf("%v %+v %#v %s %q %x %X %d", s, s, s, s, s, s, s, s), fmt.Sprintf("%#v %+v %x", header, header, header), string(b), log.String(),
	} {
		if strings.Contains(got, "sesame") || strings.Contains(got, "736573616d65") || !strings.Contains(got, "(secret)") {
			t.Errorf("got %s", got)
		}
	}
	if s.Reveal() != "sesame" {
		t.Error("it cannot be had")
	}
}
