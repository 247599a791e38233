package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func mustRead(t *testing.T, path string) notes {
	t.Helper()
	n, found, err := readNotes(path)
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	return n
}

func TestNotes(t *testing.T) {
	t.Parallel()
	path := notesPath(t.TempDir())
	if n, found, err := readNotes(path); found || err != nil {
		t.Errorf("got %+v, %t, %v", n, found, err)
	}
	want := notes{notesFormat, 1 << 63, 20, 3, 7}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, path); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	text, err := os.ReadFile(path)
	if golden := `{"format":1,"seed":9223372036854775808,"accounts":20,"settled":3,"reserved":7}` + "\n"; err != nil || string(text) != golden {
		t.Errorf("got %s, want %s", text, golden)
	}
	for text, want := range map[string]string{
		"{": "is damaged", `{"format":1}`: "is damaged", `{"format":2,"accounts":1}`: "newer version",
		`{"format":1,"accounts":1,"settled":2,"reserved":1}`: "settled up to reserved",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readNotes(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if err := want.write(filepath.Join(path, "x")); err == nil {
		t.Error("wrote into a file as if it were a directory")
	}
}

// keep runs keepReserving until the test ends, or the result is called.
func keep(t *testing.T, p *positions) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var reserver sync.WaitGroup
	reserver.Go(func() { p.keepReserving(ctx) })
	stop = func() {
		cancel()
		reserver.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// Whenever a crash comes, the notes on the disk cover all that was handed out and
// is not settled, and all before is settled.
func TestNotesCoverWhatIsInFlight(t *testing.T) {
	t.Parallel()
	path := notesPath(t.TempDir())
	p := newPositions(path, notes{Accounts: 1}, 8)
	stop := keep(t, p)
	r := rand.New(rand.NewPCG(1, 2))
	var inFlight []uint64
	settled := map[uint64]bool{}
	for range 400 {
		if len(inFlight) == 0 || r.IntN(2) == 0 {
			position, err := p.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			inFlight = append(inFlight, position)
		} else {
			i := r.IntN(len(inFlight))
			p.settle(inFlight[i])
			settled[inFlight[i]] = true
			inFlight = append(inFlight[:i], inFlight[i+1:]...)
		}
		n := mustRead(t, path)
		for _, position := range inFlight {
			if position < n.Settled || position >= n.Reserved {
				t.Fatalf("%d is in flight, noted is %+v", position, n)
			}
		}
		for position := range n.Settled {
			if !settled[position] {
				t.Fatalf("%d is not settled, noted is %+v", position, n)
			}
		}
	}
	if accepted, unsettled := p.accepted(); accepted != uint64(len(settled)) || unsettled != uint64(len(inFlight)) {
		t.Errorf("%d accepted, %d unsettled, want %d and %d", accepted, unsettled, len(settled), len(inFlight))
	}
	for _, position := range inFlight {
		p.settle(position)
	}
	stop()
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	end := p.end()
	if n := mustRead(t, path); n.Settled != end || n.Reserved != end || end == 0 {
		t.Errorf("in the end noted is %+v, want %d", n, end)
	}
}

func TestPositionsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	p := newPositions(notesPath(t.TempDir()), notes{Accounts: 1, Settled: 5, Reserved: 8}, 4)
	keep(t, p)
	if accepted, unsettled := p.accepted(); accepted != 5 || unsettled != 3 {
		t.Errorf("%d accepted, %d unsettled", accepted, unsettled)
	}
	for want := range uint64(5) {
		want += 5
		if p.left() != (want < 8) || p.wasSent(want) != (want < 8) {
			t.Errorf("%d: left %t, was sent %t", want, p.left(), p.wasSent(want))
		}
		if got, err := p.take(t.Context()); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	if accepted, unsettled := p.accepted(); accepted != 5 || unsettled != 5 || p.end() != 10 {
		t.Errorf("%d accepted, %d unsettled, end %d", accepted, unsettled, p.end())
	}
}

func TestPositionsWithoutADisk(t *testing.T) {
	t.Parallel()
	p := newPositions(filepath.Join(t.TempDir(), "missing", "demo.json"), notes{Accounts: 1}, 4)
	keep(t, p)
	if _, err := p.take(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if _, err := newPositions("", notes{}, 4).take(ctx); !errors.Is(err, ended) {
		t.Errorf("got %v", err)
	}
}
