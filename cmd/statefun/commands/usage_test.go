package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	s := &shell{}
	for line, want := range map[string]string{
		"":                            "which command?",
		"bogus":                       `unknown command "bogus"`,
		"--bogus":                     "unknown flag",
		"run --bogus":                 "unknown flag",
		"run now":                     `unknown command "now"`,
		"run --log-level loud":        "--log-level: expected debug, info, warn or error",
		"run --log-format xml":        "--log-format: expected text or json",
		"validate --bogus":            "unknown flag",
		"check":                       "expected the URL",
		"check localhost:8000":        "expected http, https",
		"check http://a http://b":     "accepts at most 1 arg",
		"check http://a --function b": "--function: expected namespace/name",
		"check http://a --string x":   "--function: a message needs",
		"check http://a --function a/b --type c/d":            "--type: the type of what",
		"check http://a --function a/b --value x":             "--type: expected namespace/name",
		"check http://a --function a/b --type int --value x":  `"x" is no int`,
		"check http://a --function a/b --type int --string x": "none of the others can be",
		"check http://a --timeout 0s":                         "--timeout: expected more than 0",
		"check http://a -f b.yaml":                            "no URL",
		"version 5":                                           "unknown command",
		"bench bogus":                                         "unknown command",
		"bench grains --hops 0":                               "--hops: expected",
		"quarantine":                                          "which command?",
		"quarantine bogus":                                    "unknown command",
		"quarantine list --limit 0":                           "--limit: expected",
		"quarantine show a/b/c":                               "accepts 2 arg",
		"quarantine show a/b/c five":                          "expected the sequence",
		"quarantine retry":                                    "accepts 2 arg",
		"quarantine drop a/b/c 1 --all":                       "unknown command",
		"quarantine drop --all --function a":                  "none of the others can be",
		"state":                                               "accepts between 1 and 2 arg",
		"state a/b":                                           "a/b",
		"state a/b/c n --json --raw":                          "none of the others can be",
		"state a/b/c --raw":                                   "--raw: needs the name",
		"state a/b/c --addr x --data y":                       "none of the others can be",
		"state a/b/c --addr ftp://x":                          "expected the address of a node",
		"send a/b/c":                                          "at least one of the flags",
		"send a/b/c --value x":                                "--type: expected namespace/name",
		"send a/b/c --value x --type y":                       "--type: expected namespace/name",
		"send a/b/c --value x --type long":                    `"x" is no long`,
		"send a/b/c --value 1 --json 1":                       "none of the others can be",
		"send a/b/c --json {":                                 "is not JSON",
		"send a/b/c --json {} --timeout 5s":                   "--timeout: only --call",
		"purge":                                               "expected an address or --type",
		"purge a/b/c --type a/b":                              "expected an address or --type",
		"purge --type a":                                      "a",
	} {
		r := s.expect(t, exit.Usage, line, "prog: ", want, "see prog")
		if strings.HasPrefix(r.notes, "Usage:") {
			t.Errorf("%s: the whole help text hides the error:\n%s", line, r.notes)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	s := &shell{}
	for _, line := range []string{
		"--help", "help", "run --help", "help state", "send --help", "purge --help", "status --help", "bench --help",
		"quarantine --help", "quarantine retry --help", "quarantine drop -h", "bench grains --help", "bench latency --help", "bench raw --help",
		"validate --help", "bench cold --help", "bench timers --help", "bench http --help", "bench hot --help", "bench values --help", "bench cores --help", "bench limits --help",
	} {
		s.expect(t, exit.OK, line, "Usage:", exit.Help)
	}
	s.expect(t, exit.OK, "--help", "bench", "completion", "purge", "quarantine", "run", "send", "state", "status", "validate", "check", "version")
	s.expect(t, exit.OK, "completion bash", "bash completion")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	s := &shell{}
	s.expect(t, exit.OK, "version", "prog ", "statefun ", "go1.")
	var v struct{ Version, Go, OS, Arch string }
	r := s.expect(t, exit.OK, "version --json")
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || v.Version == "" || v.Go == "" || v.OS == "" || v.Arch == "" {
		t.Errorf("got %s, %v", r.out, err)
	}
}

func TestMoreCommands(t *testing.T) {
	t.Parallel()
	extra := func(err error) func() *cobra.Command {
		return func() *cobra.Command {
			return &cobra.Command{Use: "extra", Short: "More", RunE: func(*cobra.Command, []string) error { return err }}
		}
	}
	s := &shell{extra: extra(nil)}
	s.expect(t, exit.OK, "--help", "extra")
	s.expect(t, exit.OK, "extra")
	s.expect(t, exit.Usage, "extra --bogus", "unknown flag")
	s.extra = extra(exit.With(exit.NotFound, errors.New("nothing there")))
	s.expect(t, exit.NotFound, "extra", "prog: nothing there\n")
	s.extra = extra(errors.New("broken \x1b[31m"))
	s.expect(t, exit.Failed, "extra", `prog: broken \x1b[31m`)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := &shell{extra: func() *cobra.Command {
		return &cobra.Command{Use: "wait", RunE: func(cmd *cobra.Command, _ []string) error {
			<-cmd.Context().Done()
			return cmd.Context().Err()
		}}
	}}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(exit.With(exit.Interrupted, errors.New("interrupted")))
	if r := s.run(ctx, "wait"); r.code != exit.Interrupted || r.notes != "prog: interrupted\n" {
		t.Errorf("got %+v", r)
	}
}
