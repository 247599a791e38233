// Command statefun is the command line of the runtime. Its own application has no
// functions; a program that has some gets the same commands from statefun.Main.
package main

import (
	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/cmd/statefun/demo"
	"github.com/statefun-go/statefun/cmd/statefun/officialserver"
)

func main() { statefun.Main(statefun.New(statefun.Config{}), more()...) }

// more are the commands that only this program has.
func more() []*cobra.Command { return []*cobra.Command{demo.Command(), officialserver.Command()} }
