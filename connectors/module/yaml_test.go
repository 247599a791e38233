package module_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
)

func TestAliasesAndMergeKeys(t *testing.T) {
	t.Parallel()
	m, warnings := load(t, `
kind: io.statefun.endpoints.v2/http
common: &common
  urlPathTemplate: &url http://h/
  maxNumBatchRequests: 5
other: &other {maxNumBatchRequests: 6, maxInFlight: 7}
spec:
  functions: a/b
  maxInFlight: 8
  <<: [*common, *other]
---
kind: io.statefun.endpoints.v1/http
x: &u http://i/
spec: {functions: a/c, urlPathTemplate: *u, headers: {X: &h 1, Y: *h}}
`, module.Options{})
	e := m.Endpoints[0]
	if e.URLPathTemplate != "http://h/" || e.MaxNumBatchRequests != 5 || e.MaxInFlight != 8 {
		t.Errorf("got %+v", e)
	}
	if e := m.Endpoints[1]; e.URLPathTemplate != "http://i/" || e.Headers[1].Value.Reveal() != "1" {
		t.Errorf("got %+v", e)
	}
	if len(warnings) != 4 { // common, other and x are unknown, and no ingress
		t.Errorf("got %v", warnings)
	}
	wrong, _ := problems(t, "kind: a/b\nspec: {<<: 5}\n", module.Options{})
	if want := `F:2:12: spec.<<: expected a mapping to merge, found "5"`; wrong[1] != want {
		t.Errorf("got %q", wrong)
	}
}

// Input that is small, and expands or nests without end, ends with one error.
func TestLimits(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	merges := strings.NewReplacer("[", "{<<: [", "]", "]}").Replace(strings.Replace(laughs.String(), "[x, x, x, x, x, x, x, x, x, x]", "{a: 1}", 1))
	for name, test := range map[string]struct{ text, want string }{
		"aliases":     {laughs.String(), "expected at most 100000 values in a file, found more"},
		"merge keys":  {merges, "expected at most"},
		"values":      {"a: [" + strings.Repeat("1,", 100_001) + "]", "expected at most 100000 values in a file, found more"},
		"cycle":       {"a: &a [*a]", "expected at most 64 levels of nesting, found more"},
		"merge cycle": {"a: &a {<<: *a}", "expected at most 64 levels of nesting, found more"},
		"flow":        {strings.Repeat("[", 500_000), "exceeded max depth of 64"},
		"block":       {strings.Repeat("- ", 500_000), "exceeded max depth of 64"},
		"mixed":       {strings.Repeat("- ", 60) + strings.Repeat("[", 60) + strings.Repeat("]", 60), "expected at most 64 levels of nesting, found more"},
		"key":         {strings.Repeat("k", 1025) + ": 1", "expected a key of at most 1024 bytes, found one of 1025"},
		"size":        {strings.Repeat("#", 1<<20+1), "has more than 1048576 bytes"},
		"text":        {strings.Repeat("x", 1<<20), "Found \"xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			wrong, _ := problems(t, test.text, module.Options{})
			if len(wrong) == 0 || !strings.Contains(wrong[0], test.want) || len(wrong[0]) > 400 || len(wrong) > 3 {
				t.Errorf("got %.500q", wrong)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 1001 {
		write(t, dir, fmt.Sprintf("%d/module.yaml", i), "")
	}
	_, _, err := module.Load([]string{dir}, module.Options{})
	if err == nil || !strings.Contains(err.Error(), "expected at most 1000 files, found more") {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad asks that whatever is in a file, loading it ends, with a module or with
// errors that have a place, and that no variable's value is shown.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"current.yaml", "legacy.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	for _, text := range []string{
		v1("functions: ${A}/*", "<<: &x {urlPathTemplate: 'http://${A:-b}/$${'}", "headers: {X: '${A}'}", "timeouts: {call: 1 day}"),
		v2("transport: {timeouts: {call: 9999999999999d}}"), kafkaIn("startupPosition: {type: specific-offsets, offsets: [{a/0: 1}]}"),
		kafkaOut("deliverySemantic: {type: exactly-once}"), kinesisIn(), kinesisOut("awsRegion: {type: specific}"),
		spec("io.statefun.playground.v1/egress", "port: 1", "topics: [a]"), "a: &a [*a]", "\ufeffa: b", "? ", "%YAML 1.2\n---\n", "- - -",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "module.yaml")
	o := module.Options{LookupEnv: environment(map[string]string{"A": "sesame/open"})}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "${file:") || strings.Contains(strings.ToLower(text), "sesame") {
			return
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, warnings, err := module.Load([]string{path}, o)
		if (m == nil) == (err == nil) {
			t.Fatalf("got %v, %v", m, err)
		}
		if err != nil {
			for _, p := range err.(*module.LoadError).Problems { //nolint:errorlint // that very type is promised
				if p.File != path || p.Message == "" || strings.Contains(p.Message, "\n") {
					t.Fatalf("got %+v", p)
				}
			}
		}
		if all := fmt.Sprint(err, warnings); strings.Contains(all, "sesame") {
			t.Fatalf("a secret is shown: %s", all)
		}
	})
}
