// Command testsummary stands behind `go test -json`: it prints what plain
// `go test` would have printed, and at the end one line that counts the tests,
//
//	240 passed, 0 failed, 0 skipped
//
// It exits with status 1 if a test or a package failed, if none passed, and, but
// for -allow-skips, if one was skipped: a test that CI skips proves nothing.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	name := flag.String("name", "", "a `word` in front of the closing line")
	allowSkips := flag.Bool("allow-skips", false, "let skipped tests pass")
	flag.Parse()

	s := newSummary(os.Stdout)
	if _, err := io.Copy(s, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(1)
	}
	if !s.finish(*name, *allowSkips) {
		os.Exit(1)
	}
}
