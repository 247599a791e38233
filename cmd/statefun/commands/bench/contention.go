package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
)

// Contention is a place at which goroutines waited for each other.
type Contention struct {
	// Place is the function that they waited in or, for locks, that kept them
	// waiting, and who called it.
	Place   string  `json:"place"`
	Seconds float64 `json:"seconds"` // of all goroutines together
	Times   int64   `json:"times"`
}

// contended is how long goroutines have waited, by stack.
type contended map[[32]uintptr]runtime.BlockProfileRecord

// recordContention begins to record who waits for whom, until stop is called. Then
// it returns the worst places, for locks and for everything else.
func recordContention() (stop func() (mutex, block []Contention)) {
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(blockRate)
	mutexBefore, blockBefore := readContended(runtime.MutexProfile), readContended(runtime.BlockProfile)
	return func() (mutex, block []Contention) {
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
		perSecond := cyclesPerSecond()
		mutex = readContended(runtime.MutexProfile).worst(mutexBefore, perSecond)
		return mutex, readContended(runtime.BlockProfile).worst(blockBefore, perSecond)
	}
}

func readContended(profile func([]runtime.BlockProfileRecord) (int, bool)) contended {
	records := make([]runtime.BlockProfileRecord, 1024)
	for {
		n, ok := profile(records)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.BlockProfileRecord, 2*n)
	}
	out := make(contended, len(records))
	for _, r := range records {
		sum := out[r.Stack0]
		r.Count += sum.Count
		r.Cycles += sum.Cycles
		out[r.Stack0] = r
	}
	return out
}

// cyclesPerSecond is the unit of Cycles, which only the text of a profile tells.
func cyclesPerSecond() float64 {
	var text bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&text, 1); err != nil {
		return 0
	}
	for line := range strings.Lines(text.String()) {
		var n float64
		if _, err := fmt.Sscanf(line, "cycles/second=%g", &n); err == nil {
			return n
		}
	}
	return 0
}

// measuring is where those wait who measure.
const measuring = "bench."

// worstPlaces is how many places are shown.
const worstPlaces = 8

// worst returns the places at which goroutines have waited longest since before.
func (c contended) worst(before contended, perSecond float64) []Contention {
	places := map[string]Contention{}
	for stack, r := range c {
		was := before[stack]
		p := Contention{Place: placeOf(r.Stack())}
		p.Seconds = places[p.Place].Seconds + quotient(float64(r.Cycles-was.Cycles), perSecond)
		p.Times = places[p.Place].Times + r.Count - was.Count
		if p.Times > 0 && !strings.HasPrefix(p.Place, measuring) {
			places[p.Place] = p
		}
	}
	var out []Contention
	for _, p := range places {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Contention) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Place, b.Place))
	})
	return out[:min(len(out), worstPlaces)]
}

// placeFrames is how many functions of a stack are shown.
const placeFrames = 3

// placeOf names the innermost functions of a stack that are neither the runtime's nor
// of package sync, with the packages' last names.
func placeOf(stack []uintptr) string {
	var names []string
	var last string
	frames := runtime.CallersFrames(stack)
	for more := true; more && len(names) < placeFrames; {
		var f runtime.Frame
		f, more = frames.Next()
		name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
		last = cmp.Or(name, last)
		if name != "" && !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "sync.") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return last
	}
	return strings.Join(names, " < ")
}

// waited is how long goroutines waited at all of some places.
func waited(at []Contention) (seconds float64) {
	for _, c := range at {
		seconds += c.Seconds
	}
	return seconds
}
