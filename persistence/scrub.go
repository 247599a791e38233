package persistence

import (
	"sync"
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// A block of the tables that is damaged is found when it is read, which may be
// never, or too late. So all of them are verified: at the start as long as that
// takes no time that anybody notices, else in the background, one file after the
// other at a bounded rate; and once a day again. Damage stops the journal.

const (
	scrubRate  = 32 << 20 // bytes per second
	scrubEvery = 24 * time.Hour
)

// scrubber belongs to the scrub task.
type scrubber struct {
	task  environment.Task
	files []tables.File // still to verify

	mu     sync.Mutex
	timer  environment.Timer // wakes the task for the next file
	due    bool
	closed bool
}

// verifyAtStart begins to verify the tables if they are small. result waits for what
// comes of it; it may be called several times.
func (j *Journal) verifyAtStart() (result func() error) {
	verify := sync.OnceValue(j.verifySmall)
	if j.opts.Tables == nil { // a simulation is on one goroutine
		go verify() //nolint:errcheck // result has it
	}
	return verify
}

func (j *Journal) verifySmall() error {
	files, err := j.tables.Files()
	if err != nil {
		return err
	}
	size := int64(0)
	for _, f := range files {
		size += f.Bytes
	}
	if size > j.opts.VerifyBytes {
		j.scrub.files = files
		return nil
	}
	for _, f := range files {
		if err := j.tables.Verify(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *scrubber) start(j *Journal) {
	s.task = j.opts.Environment.Dispatcher.Start("scrub", j.scrubStep)
	if len(s.files) == 0 {
		s.after(j, scrubEvery)
	} else {
		s.after(j, 0)
	}
}

// scrubStep verifies one file.
func (j *Journal) scrubStep() bool {
	s := &j.scrub
	if j.stopped.Load() != nil || !s.takeDue() {
		return false
	}
	if len(s.files) == 0 {
		var err error
		if s.files, err = j.tables.Files(); err != nil {
			j.stop(err)
			return false
		}
	}
	pause := scrubEvery
	if len(s.files) > 0 {
		f := s.files[0]
		s.files = s.files[1:]
		if err := j.tables.Verify(f); err != nil {
			j.stop(err)
			return false
		}
		if len(s.files) > 0 {
			pause = time.Duration(f.Bytes) * time.Second / scrubRate
		}
	}
	s.after(j, pause)
	return false
}

func (s *scrubber) takeDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.due
	s.due = false
	return due
}

// after makes the next file due after a while.
func (s *scrubber) after(j *Journal, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.timer = j.opts.Environment.Clock.AfterFunc(d, func() {
		s.mu.Lock()
		s.due = true
		s.mu.Unlock()
		s.task.Wake()
	})
}

func (s *scrubber) stop() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if s.task != nil {
		s.task.Stop()
	}
}
