package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"
)

// profiles are files to which profiles of a node under measurement go, "" for
// none. They cover one phase of one measurement, the last if a command makes
// several: neither the bare actors beside it, nor its warm-up, nor the check of its
// results. A nil *profiles covers nothing.
type profiles struct {
	cpu, mutex, block, memory string
}

func (p *profiles) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile of the node under (the last) measurement to this `file`, for go tool pprof")
	f.StringVar(&p.mutex, "mutexprofile", "", "the same of contended locks, to this `file`")
	f.StringVar(&p.block, "blockprofile", "", "the same of goroutines that wait, to this `file`")
	f.StringVar(&p.memory, "memprofile", "", "the same of allocations, and of what lives in the end, to this `file`")
}

// Of these one in so many is sampled: contended locks, nanoseconds of waiting,
// bytes allocated. Then profiling costs a few percent.
const (
	mutexFraction = 10
	blockRate     = 10_000
	memoryRate    = 512 << 10
)

// arm keeps what comes before the phase out of the profile of the memory, which
// counts from the start of the process. It must be called before anything is measured.
func (p *profiles) arm() {
	if p.memory != "" {
		sampleMemory(0)
	}
}

// cover begins to profile. The phase ends with end, which writes the files.
func (p *profiles) cover() (end func() error, err error) {
	if p == nil {
		return func() error { return nil }, nil
	}
	files, err := createFiles(p.cpu, p.mutex, p.block, p.memory)
	if err != nil {
		return nil, err
	}
	cpu, mutex, block, memory := files[0], files[1], files[2], files[3]
	if cpu != nil {
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, errors.Join(err, closeFiles(files))
		}
	}
	if mutex != nil {
		runtime.SetMutexProfileFraction(mutexFraction)
	}
	if block != nil {
		runtime.SetBlockProfileRate(blockRate)
	}
	if memory != nil {
		sampleMemory(memoryRate)
	}
	return func() error {
		var errs []error
		if cpu != nil {
			pprof.StopCPUProfile()
		}
		if mutex != nil {
			runtime.SetMutexProfileFraction(0)
			errs = append(errs, pprof.Lookup("mutex").WriteTo(mutex, 0))
		}
		if block != nil {
			runtime.SetBlockProfileRate(0)
			errs = append(errs, pprof.Lookup("block").WriteTo(block, 0))
		}
		if memory != nil {
			runtime.GC() // a profile shows the memory as of the last collection
			errs = append(errs, pprof.Lookup("allocs").WriteTo(memory, 0))
			sampleMemory(0) // not before: figures are scaled by it
		}
		return errors.Join(append(errs, closeFiles(files))...)
	}, nil
}

// coverLater is cover after a while, for a phase that begins on its own.
func (p *profiles) coverLater(d time.Duration) (end func() error) {
	if p == nil {
		return func() error { return nil }
	}
	var finish func() error
	begun := make(chan error, 1)
	t := time.AfterFunc(d, func() {
		var err error
		finish, err = p.cover()
		begun <- err
	})
	return func() error {
		if t.Stop() {
			return nil // the phase never began
		}
		if err := <-begun; err != nil {
			return err
		}
		return finish()
	}
}

func sampleMemory(rate int) {
	runtime.MemProfileRate = rate //nolint:reassign // the runtime's own switch
}

// createFiles creates the files that have a name. The others are nil.
func createFiles(names ...string) (files []*os.File, err error) {
	for _, name := range names {
		var f *os.File
		if name != "" {
			if f, err = os.Create(name); err != nil {
				return nil, errors.Join(fmt.Errorf("no file for a profile: %w", err), closeFiles(files))
			}
		}
		files = append(files, f)
	}
	return files, nil
}

func closeFiles(files []*os.File) error {
	var errs []error
	for _, f := range files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
