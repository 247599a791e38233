package commands_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/connectors/module"
)

const moduleText = `kind: io.statefun.endpoints.v2/http
spec:
  functions: com.example/*
  urlPathTemplate: https://user:sesame@fns:8443/{function.name}
---
kind: io.statefun.playground.v1/ingress
spec:
  port: 8090
`

func TestValidate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("module.yaml", moduleText)
	s := &shell{}
	for _, line := range []string{"validate -f " + good, "validate -f " + dir, "validate " + good, "validate --file=file://" + good} {
		r := s.expect(t, exit.OK, line, "KIND ", "io.statefun.endpoints.v2/http ", "functions com.example/* at https://…@fns:8443/{function.name}",
			"playground ingress, port 8090", good+":6:1\n", "valid: 2 components in 1 file\n")
		if r.notes != "" || strings.Contains(r.out, "sesame") {
			t.Errorf("got %+v", r)
		}
	}
	warned := write("warned.yaml", "kind: io.statefun.playground.v1/egress\nspec: {port: 8091, topic: [a], topics: [\"\\e[31m\", \"\\e[31m\"]}\n")
	r := s.expect(t, exit.OK, "validate -f "+good+" "+warned, "valid: 3 components in 2 files\n")
	if want := warned + ":2:20: spec.topic: warning: unknown key, it is ignored; did you mean topics?\n" +
		warned + `:2:51: spec.topics[1]: warning: topic "\x1b[31m" is here twice` + "\n"; r.notes != want {
		t.Errorf("got  %q\nwant %q", r.notes, want)
	}
	bad := write("bad.yaml", "kind: io.statefun.playground.v1/ingress\nspec: {port: x, prt: 1}\n---\nkind: a/b\n")
	r = s.expect(t, exit.Failed, "validate -f "+bad,
		bad+`:2:14: spec.port: Wrong type for key /port not an integer: expected an integer from 0 to 65535, found "x"`+"\n",
		bad+":2:17: spec.prt: warning: unknown key, it is ignored; did you mean port?\n",
		bad+":4:1: spec: Invalid ComponentJsonObject", "prog: the module is not valid: 2 errors\n")
	if r.out != "" {
		t.Errorf("got %q", r.out)
	}
	s.expect(t, exit.Failed, "validate -f "+filepath.Join(dir, "none.yaml"), "none.yaml: Failed loading a module at ", "prog: the module is not valid: 1 error\n")
}

func TestValidateJSON(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "module.yaml")
	var got struct {
		Valid      bool
		Files      []string
		Components []struct {
			Kind, Description, File string
			Line                    int
		}
		Errors, Warnings []struct {
			File, Field, Message string
			Line, Column         int
		}
	}
	s := &shell{}
	for text, code := range map[string]exit.Code{moduleText: exit.OK, "kind: a\nspec: {}\n": exit.Failed} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := s.expect(t, code, "validate --json -f "+path)
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Valid != (code == exit.OK) || strings.Contains(r.out, "null") {
			t.Fatalf("got %s, %v", r.out, err)
		}
		if got.Valid && (len(got.Components) != 2 || got.Components[1].Line != 6 || got.Components[1].File != path || len(got.Errors) != 0 || len(got.Files) != 1) {
			t.Errorf("got %s", r.out)
		}
		if !got.Valid && (len(got.Errors) != 1 || got.Errors[0].File != path || got.Errors[0].Field != "kind" || got.Errors[0].Line != 1 || got.Errors[0].Column != 7) {
			t.Errorf("got %s", r.out)
		}
	}
}

// The program's own functions and kinds count.
func TestValidateForProgram(t *testing.T) {
	t.Parallel()
	kinds := module.NewRegistry()
	err := kinds.Register("my/kind", func(_ module.Definition, spec *module.Object) module.Component {
		spec.Need("to", "a function type").FunctionType()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "module.yaml")
	if err := os.WriteFile(path, []byte("kind: my/kind\nspec: {to: my/function}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &shell{program: commands.Program{Kinds: kinds}}
	if r := s.expect(t, exit.OK, "validate -f "+path); !strings.Contains(r.notes, "no endpoint has it") {
		t.Errorf("got %s", r.notes)
	}
	s.program.Functions = []string{"my/function"}
	if r := s.expect(t, exit.OK, "validate -f "+path); strings.Contains(r.notes, "no endpoint has it") {
		t.Errorf("got %s", r.notes)
	}
}

func TestValidateNothing(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(module.DefaultDirectory); err == nil {
		t.Skip("this machine has modules of StateFun")
	}
	s := &shell{}
	s.expect(t, exit.Usage, "validate", "expected -f with a file or directory", module.LocationVariable, module.DefaultDirectory)
}
