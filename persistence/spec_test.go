package persistence

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func stateOf(name string, kind functions.StateKind, t functions.TypeName) *functions.StateSpec {
	return &functions.StateSpec{Name: name, Kind: kind, Type: t}
}

// A state keeps its number over materializations, crashes and restarts.
func TestSpecsKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	b := started(t)
	declare := func(f functions.TypeName, name string, want SpecID) {
		t.Helper()
		s, err := b.Spec(f, stateOf(name, functions.KindValue, text))
		b.must(err)
		if known, ok := b.SpecByID(want); s.ID != want || s.Function != f || s.Name != name || !ok || known != s {
			t.Errorf("%s of %s is %+v, known as %+v, expected number %d", name, f, s, known, want)
		}
	}
	declare(greeter, "seen", 1)
	declare(counter, "seen", 2)
	declare(greeter, "seen", 1)
	b.settle()
	declare(greeter, "lost", 3)
	b.crash()
	if _, ok := b.SpecByID(3); ok {
		t.Error("a state is known that was not durable")
	}
	declare(greeter, "more", 3)
	b.materialize()
	b.restart()
	declare(greeter, "more", 3)
	declare(greeter, "last", 4)
	declare(counter, "seen", 2)
	var names []string
	for _, s := range b.Specs(greeter) {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "seen more last" {
		t.Errorf("the states of %s are %s", greeter, got)
	}
	b.must(b.Close())
}

// A state that was declared with another type before is refused, naming both.
func TestSpecOfAnotherType(t *testing.T) {
	t.Parallel()
	b := started(t)
	first := stateOf("seen", functions.KindValue, text)
	first.Mode, first.TTL = functions.ExpireAfterWrite, time.Minute
	_, err := b.Spec(greeter, first)
	b.must(err)
	b.settle()
	b.crash()
	for _, test := range []struct {
		kind functions.StateKind
		t    functions.TypeName
		is   string
	}{
		{functions.KindValue, "io.statefun.types/int", "new type is: io.statefun.types/int"},
		{functions.KindList, text, "new type is: list of io.statefun.types/string"},
		{functions.KindMap, text, "new type is: map of io.statefun.types/string"},
	} {
		_, err := b.Spec(greeter, stateOf("seen", test.kind, test.t))
		var wrong *StateTypeError
		if !errors.As(err, &wrong) || wrong.Function != greeter || wrong.State != "seen" ||
			!strings.Contains(err.Error(), "[seen] of example/greeter") ||
			!strings.Contains(err.Error(), "Previous type was: io.statefun.types/string, "+test.is) {
			t.Errorf("got %v", err)
		}
	}
	// The expiration stays as it was first declared.
	s, err := b.Spec(greeter, stateOf("seen", functions.KindValue, text))
	if err != nil || s.Mode != functions.ExpireAfterWrite || s.TTL != time.Minute {
		t.Errorf("got %+v, %v", s, err)
	}
	b.must(b.Close())
	_, err = b.Spec(greeter, stateOf("late", functions.KindValue, text))
	b.mustBe(err, ErrStopped)
}
