package demo

import (
	"errors"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// options are the flags.
type options struct {
	data     string
	http     string
	rate     int
	accounts int
	seed     uint64
	duration time.Duration
	json     bool
	// given says which of seed and accounts are not just defaults.
	seedGiven, accountsGiven bool
}

// Command is `demo`.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the fraud detection of examples/fraud under load, and audit it",
		Long: `Starts a node with a data directory of its own, and sends it made-up card
transactions through its HTTP door. Stateful functions decide about each one:
see examples/fraud.

Kill it whenever you like, kill -9 included, and start it again: it goes on with
all state. Ctrl-C drains and stops; a second one stops at once. In the end it
audits the books: every transaction that was ever accepted must have one verdict,
every alert one line in DATA/alerts.jsonl. If not, it exits with 1.

While it runs it is a node like any other: try send, state and status with its
--data, or the requests in examples/fraud/README.md. What you send does not count.

--json prints as last line one object with the fields transactions_accepted,
verdicts, duplicates, alerts (since the data directory was made), p50_ms, p99_ms
(time to a verdict, in this run) and exact.

` + exit.Help,
		Args: func(cmd *cobra.Command, args []string) error { return exit.With(exit.Usage, cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			o.seedGiven, o.accountsGiven = f.Changed("seed"), f.Changed("accounts")
			if err := o.validate(); err != nil {
				return exit.With(exit.Usage, err)
			}
			return newDemo(cmd, o).run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.rate, "rate", 500, "transactions per second, `number`")
	f.IntVar(&o.accounts, "accounts", 10_000, "`number` of accounts; fixed when the data directory is made")
	f.DurationVar(&o.duration, "duration", 0, "how long to send transactions, 0: until Ctrl-C")
	f.StringVar(&o.data, "data", "statefun-demo", "`directory` that keeps everything")
	f.StringVar(&o.http, "http", "127.0.0.1:8080", "`HOST:PORT` to listen on (port 0: a free one)")
	f.Uint64Var(&o.seed, "seed", 1, "`number` that decides what transactions there are; fixed when the data directory is made")
	f.BoolVar(&o.json, "json", false, "print a JSON object as last line")
	f.SortFlags = false
	return cmd
}

const (
	maxRate     = 1_000_000
	maxAccounts = 1_000_000_000
)

func (o *options) validate() error {
	if _, _, err := net.SplitHostPort(o.http); err != nil {
		return exit.Usagef("--http: expected HOST:PORT, found %q", o.http)
	}
	switch {
	case o.rate < 1 || o.rate > maxRate:
		return exit.Usagef("--rate: expected 1 to %d, found %d", maxRate, o.rate)
	case o.accounts < 1 || o.accounts > maxAccounts:
		return exit.Usagef("--accounts: expected 1 to %d, found %d", maxAccounts, o.accounts)
	case o.duration < 0:
		return exit.Usagef("--duration: expected 0 or more, found %v", o.duration)
	case o.data == "":
		return errors.New("--data: expected a directory, found nothing")
	}
	return nil
}

// adopt takes what the data directory was made with. What was asked for must be
// the same.
func (o *options) adopt(n notes) error {
	switch {
	case o.seedGiven && o.seed != n.Seed:
		return exit.Usagef("--seed: %s was made with %d, not %d: leave it out, or choose another --data", o.data, n.Seed, o.seed)
	case o.accountsGiven && o.accounts != n.Accounts:
		return exit.Usagef("--accounts: %s was made with %d, not %d: leave it out, or choose another --data", o.data, n.Accounts, o.accounts)
	}
	o.seed, o.accounts = n.Seed, n.Accounts
	return nil
}
