// Command soak runs a node in a process of its own under a mixed load at a bounded
// rate: grains, ever new addresses, timers, cancelled and fired, states that
// expire, failures and quarantine, an egress, calls and sends over HTTP. Every few
// seconds it writes a line of figures into a CSV file; in the end it says whether
// memory, goroutines, open files, disk and throughput were flat.
//
//	go run ./scripts/soak --for 1h --out soak.csv
//
// Exit codes: 0 flat, 1 not flat or failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options of a run.
type options struct {
	duration time.Duration
	every    time.Duration
	rate     int
	out      string
	data     string
}

func main() {
	if os.Getenv(nodeEnv) != "" {
		runNode()
		return
	}
	var o options
	flag.DurationVar(&o.duration, "for", time.Hour, "`how long`; two minutes at least, so that what expires does so before the first comparison")
	flag.DurationVar(&o.every, "every", 2*time.Second, "`interval` of the samples")
	flag.IntVar(&o.rate, "rate", 500, "`number` of requests a second")
	flag.StringVar(&o.out, "out", "soak.csv", "CSV `file` of the samples")
	flag.StringVar(&o.data, "data", "", "new `directory` for the node's data (default: one that is removed afterwards)")
	flag.Parse()
	if o.duration < 8*o.every || o.every <= 0 || o.rate <= 0 || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "soak: expected --for of 8 intervals or more, a positive --every and --rate and nothing else, found --for %v --every %v --rate %d %q\n",
			o.duration, o.every, o.rate, flag.Args())
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := soak(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1) //nolint:gocritic // stop only restores the signal's default
	}
}

// soak returns an error that says what was not flat.
func soak(ctx context.Context, o options) (err error) {
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "soak"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	p, err := launch(ctx, o.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	l := newLoad(p.url, o.rate)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	series, err := record(ctx, p, l, o)
	cancel()
	<-ended
	if err != nil {
		return err
	}
	return verdict(os.Stdout, series)
}
