// Command fraud finds frauds in card transactions. The README tells how, and what
// to try:
//
//	go run ./examples/fraud run
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/examples/fraud/application"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fraud:", err)
		os.Exit(1)
	}
}

func run() error {
	// The third party is a web server of somebody else's. Here we are somebody
	// else, too.
	scoring, err := application.NewScoring()
	if err != nil {
		return err
	}
	if err := scoring.Start(context.Background()); err != nil {
		return err
	}
	app, err := application.New(statefun.Config{Name: "fraud", DataDir: "fraud-data"}, scoring.URL())
	if err != nil {
		return err
	}
	statefun.Main(app) // the whole command line: run, state, send, quarantine, …
	return nil
}
