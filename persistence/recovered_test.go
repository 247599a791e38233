package persistence

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statefun-go/statefun/functions"
)

// The recovered inboxes against a map: filled, then taken, and adopted into.
func TestRecoveredInboxes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		addresses := 1 + rng.IntN(1<<rng.IntN(13))
		var j Journal
		in := &j.inboxes
		in.init(1)
		in.recovered.init(rng.Int64N(5000))
		model := map[functions.Address][]*Message{}
		r, sequence := &inboxReplay{}, Sequence(0)
		at := func() functions.Address { return greeter.At(fmt.Sprint(rng.IntN(addresses))) }
		for range rng.IntN(3 * addresses) {
			var events []inboxEvent
			for range lookAhead {
				if a := at(); rng.IntN(3) == 0 {
					to := Sequence(rng.Uint64N(uint64(sequence) + 1))
					events = append(events, inboxEvent{consumer: a, consumed: to})
					model[a] = slices.DeleteFunc(model[a], func(m *Message) bool { return m.Sequence <= to })
				} else {
					sequence++
					m := &Message{Target: a, Sequence: sequence}
					events = append(events, inboxEvent{message: m})
					model[a] = append(model[a], m)
				}
			}
			r.apply(in, events)
		}
		maps.DeleteFunc(model, func(_ functions.Address, messages []*Message) bool { return len(messages) == 0 })
		in.replayed()
		checkRecovered(t, &j, model)
		waiting := 0
		for _, messages := range model {
			waiting += len(messages)
		}
		if len(in.waiting) != waiting {
			t.Errorf("%d messages wait, expected %d", len(in.waiting), waiting)
		}
		for step := 0; len(model) > 0; step++ {
			a := at()
			if rng.IntN(10) == 0 && step < 2*addresses { // a window that was read
				sequence++
				model[a] = append(model[a], &Message{Target: a, Sequence: sequence})
				in.setToHandOut(a, slices.Clone(model[a]))
			}
			to := Sequence(rng.Uint64N(uint64(sequence) + 1))
			if step > 4*addresses { // all that is left
				for a = range model {
					break
				}
				to = 0
			}
			taken := in.takeRecovered(a, 0, to)
			n := len(taken)
			if n > len(model[a]) || !slices.Equal(taken, model[a][:n]) {
				t.Fatalf("seed %d: took %v of %s, expected them from %v", seed, taken, a, model[a])
			}
			if to > 0 && n < len(model[a]) && model[a][n].Sequence <= to {
				t.Fatalf("seed %d: left %d of %s although it was to be taken", seed, model[a][n].Sequence, a)
			}
			if model[a] = model[a][n:]; len(model[a]) == 0 {
				delete(model, a)
			}
			if rng.IntN(1000) == 0 {
				checkRecovered(t, &j, model)
			}
		}
		if in.recovered.count != 0 || len(in.adopted) != 0 {
			t.Errorf("seed %d: %d inboxes and %d adopted ones are left", seed, in.recovered.count, len(in.adopted))
		}
	}
}

func checkRecovered(t *testing.T, j *Journal, model map[functions.Address][]*Message) {
	t.Helper()
	in := &j.inboxes
	for a, messages := range model {
		if got := in.toHandOut(a); !slices.Equal(got, messages) {
			t.Fatalf("%s has %d messages, expected %d", a, len(got), len(messages))
		}
	}
	if got := in.toHandOut(greeter.At("nobody")); len(got) > 0 {
		t.Fatal("nobody has messages")
	}
	found := map[functions.Address]bool{}
	for _, a := range recoveredInboxes(j) {
		if found[a] {
			t.Errorf("%s is found twice", a)
		}
		found[a] = true
	}
	for a := range found {
		if len(model[a]) == 0 {
			t.Errorf("%s is found without messages", a)
		}
	}
	if len(found)+len(in.adopted) != len(model) {
		t.Errorf("%d inboxes are found and %d adopted, expected %d", len(found), len(in.adopted), len(model))
	}
}
