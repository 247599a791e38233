package bench

import (
	"bytes"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"os"
	"testing"
)

func TestScratch2(t *testing.T) {
	c := &console.Console{In: &bytes.Buffer{}, Out: os.Stdout, Err: os.Stderr}
	cmd := Command(c, startEngine)
	cmd.SetArgs([]string{"grains", "--addresses", "1000", "--data", "/work/main/cmd"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
}
