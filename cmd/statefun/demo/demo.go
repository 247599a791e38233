package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/cmd/statefun/commands/processors"
	"github.com/statefun-go/statefun/examples/fraud/application"
	"github.com/statefun-go/statefun/examples/fraud/generator"
	"github.com/statefun-go/statefun/examples/fraud/scoring"
)

// demo is one run of the command.
type demo struct {
	options
	program string // as people call it
	out     io.Writer
	log     io.Writer
	screen  *screen

	cores     int
	scoring   *scoring.Server
	node      *statefun.Node
	notes     notes
	generator *generator.Generator
	positions *positions
	load      *load
	patience  patience
	began     time.Time
	last      moment
}

func newDemo(cmd *cobra.Command, o options) *demo {
	out := cmd.OutOrStdout()
	d := &demo{
		options: o, program: cmd.Root().Name(), out: out, log: cmd.ErrOrStderr(), screen: newScreen(out),
		patience: patience{stalled: 20 * time.Second, total: 5 * time.Minute},
	}
	if d.screen.live && console.IsTerminal(d.log) {
		d.log = d.screen
	}
	return d
}

// run runs the demo until ctx ends or its duration is over, and audits.
func (d *demo) run(ctx context.Context) (err error) {
	d.screen.Printf("%s\n", d.screen.heading.Render("statefun demo: fraud detection on made-up card transactions"))
	d.began = time.Now()
	cores, undo := processors.Spare()
	defer undo()
	d.cores = cores
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	d.greet()
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	if err := d.sendAll(ctx, work, cancel); err != nil {
		return err
	}
	return d.conclude(work)
}

// start starts the third party and the node.
func (d *demo) start(ctx context.Context) (err error) {
	if d.scoring, err = application.NewScoring(); err != nil {
		return err
	}
	if err := d.scoring.Start(ctx); err != nil {
		return err
	}
	app, err := application.New(statefun.Config{
		Name: "fraud-demo", DataDir: d.data, HTTP: d.http, IdempotencyKept: keysKept, Workers: d.cores,
		Logger: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, d.scoring.URL())
	if err != nil {
		return err
	}
	d.node, err = app.Start(ctx)
	return err
}

// keysKept is how long a demo that was killed may lie until it is started again:
// it still recognises what it sends again.
const keysKept = 10 * 365 * 24 * time.Hour

// prepare reads what the last run has noted. The node holds the lock on the data
// directory, so that nobody else does the same.
func (d *demo) prepare() (err error) {
	path := notesPath(d.data)
	n, found, err := readNotes(path)
	switch {
	case err != nil:
		return err
	case found && d.node.Created():
		return fmt.Errorf("%s says that %d transactions were accepted, but the node knows nothing of them: was part of %s removed?", path, n.Settled, d.data)
	case found:
		if err := d.adopt(n); err != nil {
			return err
		}
	}
	n.Seed, n.Accounts = d.seed, d.accounts
	if d.generator, err = generator.New(generator.Config{Seed: d.seed, Accounts: d.accounts}); err != nil {
		return err
	}
	d.notes = n
	d.positions = newPositions(path, n, uint64(min(max(d.rate, minWindow), maxWindow)))
	d.load = newLoad(d.node.URL(), d.generator, d.positions, d.rate)
	return nil
}

// A window of positions lasts for about a second; after a kill -9 up to two are
// sent again.
const (
	minWindow = 64
	maxWindow = 10_000
)

func (d *demo) greet() {
	row := func(label, format string, args ...any) {
		d.screen.Printf("  %s%s\n", d.screen.label.Render(fmt.Sprintf("%-12s", label)), fmt.Sprintf(format, args...))
	}
	if d.notes.Reserved == 0 {
		row("data", "%s, new", d.data)
	} else {
		row("data", "%s, going on with all state: %s transactions accepted before", d.data, console.Count(d.notes.Settled))
		if n := d.notes.Reserved - d.notes.Settled; n > 0 {
			row("", "it did not end in order: up to %s that were in flight are sent again", console.Count(n))
		}
	}
	row("node", "%s", d.node.URL())
	row("scoring", "%s, a third party that is sometimes slow and sometimes fails", d.scoring.URL())
	ends := "until Ctrl-C"
	if d.duration > 0 {
		ends = "for " + d.duration.String()
	}
	row("load", "%s transactions/s of %s accounts, seed %d, %s", console.Count(d.rate), console.Count(d.accounts), d.seed, ends)
	d.screen.Printf("\n")
}

func (d *demo) alertsFile() string { return application.AlertsFile(d.data) }

func (d *demo) hint() string {
	return fmt.Sprintf("look around: %s status --data %s; Ctrl-C drains and stops", d.program, d.data)
}

// drainWithin bounds how long what is under way may take at the end.
const drainWithin = 45 * time.Second

// errGivenUp is why work ends that takes too long at the end.
var errGivenUp = errors.New("given up")

// sendAll runs the load, and shows it, until all is settled that was sent.
func (d *demo) sendAll(ctx, work context.Context, cancel context.CancelCauseFunc) error {
	stop := ctx
	if d.duration > 0 {
		var end context.CancelFunc
		stop, end = context.WithTimeout(ctx, d.duration)
		defer end()
	}
	sending, giveUp := context.WithCancelCause(work)
	defer giveUp(nil)
	done := make(chan error, 1)
	go func() { done <- d.load.run(sending, stop) }()
	ticker := time.NewTicker(d.screen.interval())
	defer ticker.Stop()
	state, stopping := "running", stop.Done()
	for {
		select {
		case <-ticker.C:
			d.show(state)
		case <-stopping:
			state, stopping = "draining", nil
			d.screen.Printf("draining, transactions under way: %s\n", console.Count(d.load.underWay()))
			time.AfterFunc(drainWithin, func() { giveUp(errGivenUp) })
		case err := <-d.node.Failed():
			cancel(err)
			return errors.Join(err, <-done)
		case err := <-done:
			d.show("drained")
			return err
		}
	}
}

// show shows this moment.
func (d *demo) show(state string) {
	m := moment{elapsed: time.Since(d.began), state: state, underWay: d.load.underWay(), metrics: d.node.Metrics()}
	m.accepted, _ = d.positions.accepted()
	m.counts, m.recent = d.load.snapshot()
	if d.screen.live {
		d.screen.draw(m.block(d.screen, d, &d.last))
	} else {
		d.screen.Printf("%s", m.line(&d.last))
	}
	d.last = m
}

// conclude audits, stops the node, and tells.
func (d *demo) conclude(ctx context.Context) error {
	d.screen.leave()
	a := audit{node: d.node, engine: d.node.Engine(), generator: d.generator, alerts: d.alertsFile(), end: d.positions.end()}
	a.accepted, a.unsettled = d.positions.accepted()
	d.screen.Printf("auditing %s transactions\n", console.Count(a.end))
	f, err := a.run(ctx, d.patience, d.waiting())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err := d.stop(ctx); err != nil {
		return err
	}
	d.load.snapshot()
	r := newReport(a.accepted, f, &d.load.all)
	d.screen.Printf("%s", d.summary(r, f))
	if d.json {
		if err := r.writeJSON(d.out); err != nil {
			return err
		}
	}
	if !r.Exact {
		return exit.With(exit.Failed, fmt.Errorf("the audit failed: %s", strings.Join(f.wrong, "; ")))
	}
	return nil
}

// waiting tells, every second at most, what the audit waits for.
func (d *demo) waiting() func(missing uint64) {
	var told time.Time
	return func(missing uint64) {
		if time.Since(told) > time.Second {
			told = time.Now()
			d.screen.Printf("waiting for %s verdicts and alerts\n", console.Count(missing))
		}
	}
}

// stop drains the node and stops it.
func (d *demo) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := d.node.Stop(ctx)
	d.node = nil
	return err
}

// close stops at once what still runs.
func (d *demo) close() error {
	var errs []error
	if d.node != nil {
		errs = append(errs, d.node.Close())
	}
	if d.scoring != nil {
		errs = append(errs, d.scoring.Close())
	}
	return errors.Join(errs...)
}
