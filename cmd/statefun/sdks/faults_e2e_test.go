//go:build e2e

package sdks

import (
	"testing"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
)

// Random programs in one language, while one thing goes wrong again and again: every
// count is exact, and messages of one sender come in order. COMPAT 25, 40, 81, 82, 83,
// 85.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*testing.T, *sdk){
		"the server is killed":   serverKilled,
		"the runtime is killed":  runtimeKilled,
		"answers are lost":       func(t *testing.T, s *sdk) { t.Helper(); spoiled(t, s, loses) },
		"some answers are a 500": func(t *testing.T, s *sdk) { t.Helper(); spoiled(t, s, answers500) },
	} {
		t.Run(name, func(t *testing.T) { forEach(t, fault) })
	}
}

const (
	faultIDs    = 20
	faultRounds = 5
	faultRoots  = 12 // in a round, at scale 1
)

// patient belongs to endpoints whose server is killed: a new one does not know which
// planned failures its predecessor had, and has them anew, so that ten attempts may not do.
const patient = "  maxAttempts: 100\n"

func serverKilled(t *testing.T, s *sdk) {
	t.Helper()
	v := s.serving(t, randomStates...)
	r := newRandom(t, running(t, v.endpoint()+patient), faultIDs, s)
	for range faultRounds {
		r.drive(processtest.Scale(t, faultRoots), func() {
			r.soon()
			v.process.Kill()
			r.soon()
			v.start()
		})
		r.never()
	}
	r.settle()
}

func runtimeKilled(t *testing.T, s *sdk) {
	t.Helper()
	r := newRandom(t, running(t, s.serving(t, randomStates...).endpoint()), faultIDs, s)
	for range faultRounds {
		r.drive(processtest.Scale(t, faultRoots), func() {
			r.soon()
			r.node.process.Kill()
			r.node.start()
		})
		r.never()
	}
	r.settle()
}

// spoiled has a proxy between the runtime and the server.
func spoiled(t *testing.T, s *sdk, how spoiler) {
	t.Helper()
	p := before(t, how, s.serving(t, randomStates...))
	r := newRandom(t, running(t, endpointAt(s, p.url)), faultIDs, s)
	for range faultRounds {
		r.drive(processtest.Scale(t, faultRoots), nil)
		r.never()
	}
	r.settle()
	if p.spoiled.Load() == 0 {
		t.Error("nothing was spoiled")
	}
}

// Random programs whose messages go to and fro between functions in all four
// languages, while the runtime is killed at random moments, and a function server now
// and then: every state is as in the model, and none is ever above it. At
// STATEFUN_E2E_SCALE=10 these are more than 100,000 messages. COMPAT 25, 81, 82, 85.
func TestFourLanguages(t *testing.T) {
	t.Parallel()
	const ids, roots = 1000, 150 // in a round
	var endpoints []string
	var servers []*server
	for _, s := range all {
		v := s.serving(t, randomStates...)
		servers, endpoints = append(servers, v), append(endpoints, v.endpoint()+patient)
	}
	r := newRandom(t, running(t, endpoints...), ids, all...)
	rounds := processtest.Scale(t, 10)
	for i := range rounds {
		r.drive(roots, func() {
			r.soon()
			r.node.process.Kill()
			if i%4 == 3 {
				v := servers[r.rng.IntN(len(servers))]
				v.process.Kill()
				v.start()
			}
			r.node.start()
		})
		r.never()
	}
	r.settle()
}
