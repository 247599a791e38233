//go:build e2e

package sdks

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/file"
	"github.com/statefun-go/statefun/functions"
)

// runtimeEnv makes the test binary be the command statefun, with an egress to a file.
const runtimeEnv = "STATEFUN_SDKS_RUNTIME"

func TestMain(m *testing.M) {
	if os.Getenv(runtimeEnv) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	endWithStdin()
	app := statefun.New(statefun.Config{})
	app.EgressFrom(outEgress, func(c statefun.Config) statefun.Sink {
		return file.New(file.Options{Environment: c.Environment, Path: filepath.Join(c.DataDir, outFile)})
	})
	statefun.Main(app)
}

// outEgress is that of program, and outFile its file in the data directory.
const (
	outEgress functions.Egress = "sdks/out"
	outFile   string           = "out.jsonl"
)

// endWithStdin ends the process with the one that it is a part of the test of.
func endWithStdin() {
	go func() {
		var b [1]byte
		_, _ = os.Stdin.Read(b[:])
		os.Exit(1)
	}()
}
