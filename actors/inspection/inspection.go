package inspection

import (
	"context"
	"errors"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Options say what to inspect.
type Options struct {
	Environment *environment.Environment
	// Data is the data directory.
	Data string
	// Progress is told how much of a step is done. May be nil.
	Progress func(step string, done, total int64)
}

// inspection is one run.
type inspection struct {
	Options
	context.Context //nolint:containedctx // of the run that it stands for

	report *Report
	view   *persistence.View
	// nudged are addresses whose nudge must be among what waits.
	nudged map[functions.Address]int64
}

// Run inspects a data directory. It returns an error if it could not begin or was
// interrupted: datadir.ErrInUse if the node runs. All else is in the report.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	in := &inspection{Options: o, Context: ctx, nudged: map[functions.Address]int64{}, report: &Report{Data: o.Data, Problems: []Problem{}}}
	dir, err := datadir.Inspect(o.Environment.FS, o.Data)
	if errors.Is(err, datadir.ErrDamaged) {
		in.report.add(CheckApplication, o.Data, "%v", err)
		return in.report, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	in.report.Application = dir.Application
	return in.report, in.run(dir)
}

func (in *inspection) run(dir *datadir.Dir) (err error) {
	in.view, err = persistence.OpenView(in.Environment, dir.JournalPath(), dir.KeyGroups)
	if err != nil {
		in.report.add(CheckTables, dir.JournalPath(), "%v", err)
		return nil
	}
	defer func() { err = errors.Join(err, in.view.Close()) }()
	if err := in.tables(); err != nil || len(in.report.Problems) > 0 {
		return err
	}
	if err := in.log(dir); err != nil || len(in.report.Problems) > 0 {
		return err
	}
	if err := in.content(); err != nil {
		return err
	}
	in.report.Complete = in.Err() == nil
	return in.Err()
}

// tables verifies all files of the tables, and how they lie above each other.
func (in *inspection) tables() error {
	files, err := in.view.Files()
	if err != nil {
		return err
	}
	total, done := int64(0), int64(0)
	for _, f := range files {
		total += f.Bytes
	}
	in.report.Tables, in.report.TableBytes = len(files), total
	for _, f := range files {
		if err := in.Err(); err != nil {
			return err
		}
		in.Progress("table files", done, total)
		if err := in.view.Verify(f); err != nil {
			in.report.add(CheckTables, f.Path, "%v", err)
		}
		done += f.Bytes
	}
	if len(in.report.Problems) > 0 {
		return nil
	}
	in.Progress("table levels", 0, 0)
	if err := in.view.CheckLevels(); err != nil {
		in.report.add(CheckTables, in.Data, "%v", err)
	}
	return nil
}

func (in *inspection) log(dir *datadir.Dir) error {
	err := in.view.ReadLog(func(done, total int64) { in.Progress("log", done, total) })
	if err != nil {
		in.report.add(CheckLog, dir.JournalPath(), "%v", err)
	}
	in.report.Log, in.report.Marker = in.view.Log(), uint64(in.view.Marker())
	return in.Err()
}

// content checks what the rows and records say of each other, one key group after
// the other.
func (in *inspection) content() error {
	groups := in.report.Application.KeyGroups
	for g := range groups {
		in.Progress("content", int64(g), int64(groups))
		for _, check := range []func(persistence.KeyGroup) error{
			in.records, in.addressRows, in.inboxRows, in.timers, in.tokens, in.async, in.quarantine,
		} {
			if err := errors.Join(in.Err(), check(persistence.KeyGroup(g))); err != nil {
				return in.unreadable(err)
			}
		}
	}
	for _, check := range []func() error{in.waiting, in.egress, in.keys} {
		if err := errors.Join(in.Err(), check()); err != nil {
			return in.unreadable(err)
		}
	}
	return nil
}

// unreadable reports what keeps the inspection from going on, unless it was
// interrupted.
func (in *inspection) unreadable(err error) error {
	if in.Err() != nil {
		return in.Err()
	}
	in.report.add(CheckTables, in.Data, "%v", err)
	return nil
}

// scan visits the rows of a range. An error of visit is a problem of the row.
func (in *inspection) scan(r persistence.KeyRange, visit func(persistence.Row)) error {
	return in.view.ScanAll(r, func(row persistence.Row) bool {
		visit(row)
		return in.Err() == nil
	})
}

// given checks that a number was given out.
func (in *inspection) given(c Check, where string, s persistence.Sequence) {
	if highest := in.view.Highest(); s > highest {
		in.report.add(c, where, "it has the number %d, the highest that was given out is %d", s, highest)
	}
}

// placed checks that a key is in the key group of its id.
func (in *inspection) placed(c Check, where string, g persistence.KeyGroup, id string) {
	if want := in.view.Group(id); g != want {
		in.report.add(c, where, "it is in key group %d, its id belongs to key group %d", g, want)
	}
}

// keys finds rows that nobody will ever look at.
func (in *inspection) keys() error {
	return in.scan(persistence.KeyRange{Low: []byte{}}, func(row persistence.Row) {
		if !persistence.IsKnownKey(row.Key, in.report.Application.KeyGroups) {
			in.report.add(CheckKeys, shorten(row.Key), "this key belongs to no part of the journal")
		}
	})
}
