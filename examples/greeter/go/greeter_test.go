package main

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/statefun-go/statefun/functions/functionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGreetings(t *testing.T) {
	t.Parallel()
	p, g := functionstest.New(t, person), functionstest.New(t, greeter)
	for _, want := range []string{"Welcome, Ann!", "Nice to see you again, Ann!", "Visit number 3, Ann!"} {
		told := p.Invoke("Ann", visitType.Of(visit{"Ann"})).Sent
		said := g.Invoke("Ann", told[0].Message).Egress
		got, err := recordType.From(said[0].Message)
		if err != nil || got != (record{"greetings", want}) || said[0].To != playground {
			t.Errorf("got %+v to %s, %v, want %q", got, said[0].To, err, want)
		}
	}
}
