package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	ok := []event{
		{"start", "m/a", "", ""},
		{"run", "m/a", "TestOne", ""},
		{"output", "m/a", "TestOne", "=== RUN   TestOne\n"},
		{"output", "m/a", "TestOne", "    a_test.go:3: chatter\n"},
		{"output", "m/a", "TestOne", "--- PASS: TestOne (0.00s)\n"},
		{"pass", "m/a", "TestOne", ""},
		{"output", "m/a", "", "PASS\n"},
		{"output", "m/a", "", "ok  \tm/a\t0.1s\n"},
		{"pass", "m/a", "", ""},
	}
	skipped := []event{
		{"output", "m/a", "TestTwo", "    a_test.go:4: no network\n"},
		{"output", "m/a", "TestTwo", "--- SKIP: TestTwo (0.00s)\n"},
		{"skip", "m/a", "TestTwo", ""},
	}
	for name, test := range map[string]struct {
		events     []event
		allowSkips bool
		ok         bool
		want       string
	}{
		"all pass": {
			events: ok,
			ok:     true,
			want:   "ok  \tm/a\t0.1s\n1 passed, 0 failed, 0 skipped\n",
		},
		"no tests": {
			events: []event{
				{"output", "m/a", "", "?   \tm/a\t[no test files]\n"},
				{"skip", "m/a", "", ""},
			},
			want: "?   \tm/a\t[no test files]\n0 passed, 0 failed, 0 skipped\n",
		},
		"skipped": {
			events: append(skipped, ok...),
			want: "ok  \tm/a\t0.1s\n" +
				"--- SKIP: m/a TestTwo: a_test.go:4: no network\n" +
				"1 passed, 0 failed, 1 skipped\n",
		},
		"skips allowed": {
			events:     append(skipped, ok...),
			allowSkips: true,
			ok:         true,
			want: "ok  \tm/a\t0.1s\n" +
				"--- SKIP: m/a TestTwo: a_test.go:4: no network\n" +
				"1 passed, 0 failed, 1 skipped\n",
		},
		"a test fails beside others": {
			events: []event{
				{"output", "m/b", "TestBad", "    b_test.go:3: boo\n"},
				{"output", "m/a", "TestOne", "    a_test.go:3: chatter\n"},
				{"output", "m/b", "TestBad", "--- FAIL: TestBad (0.00s)\n"},
				{"fail", "m/b", "TestBad", ""},
				{"pass", "m/a", "TestOne", ""},
				{"output", "m/b", "", "FAIL\tm/b\t0.1s\n"},
				{"fail", "m/b", "", ""},
				{"output", "m/a", "", "ok  \tm/a\t0.1s\n"},
				{"pass", "m/a", "", ""},
			},
			want: "    b_test.go:3: boo\n--- FAIL: TestBad (0.00s)\nFAIL\tm/b\t0.1s\n" +
				"ok  \tm/a\t0.1s\n1 passed, 1 failed, 0 skipped\n",
		},
		"a test ends the process": {
			events: []event{
				{"pass", "m/b", "TestOne", ""},
				{"output", "m/b", "TestExit", "=== RUN   TestExit\n"},
				{"output", "m/b", "TestExit", "last words\n"},
				{"output", "m/b", "", "FAIL\tm/b\t0.1s\n"},
				{"fail", "m/b", "", ""},
			},
			want: "last words\nFAIL\tm/b\t0.1s\n1 passed, 1 failed, 0 skipped\n",
		},
		"a race outside of any test": {
			events: []event{
				{"output", "m/b", "TestOne", "WARNING: DATA RACE\n"},
				{"output", "m/b", "TestOne", "--- PASS: TestOne (0.00s)\n"},
				{"pass", "m/b", "TestOne", ""},
				{"output", "m/b", "", "FAIL\tm/b\t0.1s\n"},
				{"fail", "m/b", "", ""},
			},
			want: "WARNING: DATA RACE\n--- PASS: TestOne (0.00s)\nFAIL\tm/b\t0.1s\n1 passed, 1 failed, 0 skipped\n",
		},
		"the second run fails": {
			events: []event{
				{"output", "m/b", "TestOne", "first\n"},
				{"pass", "m/b", "TestOne", ""},
				{"output", "m/b", "TestOne", "second\n"},
				{"fail", "m/b", "TestOne", ""},
				{"output", "m/b", "", "FAIL\tm/b\t0.1s\n"},
				{"fail", "m/b", "", ""},
			},
			want: "second\nFAIL\tm/b\t0.1s\n1 passed, 1 failed, 0 skipped\n",
		},
		"it does not build": {
			events: []event{
				{"build-output", "", "", "b.go:3: undefined: x\n"},
				{"build-fail", "", "", ""},
				{"output", "m/b", "", "FAIL\tm/b [build failed]\n"},
				{"fail", "m/b", "", ""},
			},
			want: "b.go:3: undefined: x\nFAIL\tm/b [build failed]\n0 passed, 1 failed, 0 skipped\n",
		},
		"go is killed": {
			events: append(ok, event{"start", "m/b", "", ""}),
			want:   "ok  \tm/a\t0.1s\nFAIL\tm/b\t[never ended]\n1 passed, 1 failed, 0 skipped\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			s := newSummary(&out)
			if _, err := io.Copy(s, iotest.HalfReader(strings.NewReader(encode(t, test.events)))); err != nil {
				t.Fatal(err)
			}
			if ok := s.finish("", test.allowSkips); ok != test.ok {
				t.Errorf("got %t, expected %t", ok, test.ok)
			}
			if out.String() != test.want {
				t.Errorf("got\n%s\nexpected\n%s", out.String(), test.want)
			}
		})
	}
}

// TestForeignLines passes on what is no event, such as go's own complaints.
func TestForeignLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newSummary(&out)
	if _, err := io.WriteString(s, "go: no such package\n"); err != nil {
		t.Fatal(err)
	}
	if s.finish("race", true) {
		t.Error("a run without tests passed")
	}
	if want := "go: no such package\nrace: 0 passed, 0 failed, 0 skipped\n"; out.String() != want {
		t.Errorf("got %q, expected %q", out.String(), want)
	}
}

func encode(t *testing.T, events []event) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
