package datadir

import "fmt"

// A Migration brings a directory from one format to the next. As an argument it
// tells how far it is.
type Migration struct {
	From, To int
	What     string // it does
	// Done of Total are through, in whatever the step counts; both may be 0.
	Done, Total int64
}

// A step is how a migration is done. It runs while nothing but the lock is open.
// A crash in the middle leaves the directory at the old format and the step runs
// again: so it must not mind what it has done already, and destroy nothing that
// it still needs.
type step struct {
	what string
	run  func(d *Dir, progress func(done, total int64)) error
}

// migrations are the steps from format i+1 to i+2.
func migrations() []step {
	return []step{
		// The checksum comes with the new format number.
		{"application.json gets a checksum", func(*Dir, func(done, total int64)) error { return nil }},
	}
}

// migrate takes one step after the other. After each the new format is durable.
func (d *Dir) migrate(steps []step, progress func(Migration)) error {
	if progress == nil {
		progress = func(Migration) {}
	}
	for from := d.Format; from <= len(steps); from++ {
		s := steps[from-1]
		m := Migration{From: from, To: from + 1, What: s.what}
		progress(m)
		err := s.run(d, func(done, total int64) {
			m.Done, m.Total = done, total
			progress(m)
		})
		if err == nil {
			d.Format = from + 1
			err = d.writeApplication()
		}
		if err != nil {
			return fmt.Errorf("data directory %s: migration from format %d to %d (%s): %w", d.path, m.From, m.To, m.What, err)
		}
	}
	return nil
}
