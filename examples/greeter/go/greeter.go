package main

import (
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

type (
	visit struct {
		Name string `json:"name"`
	}
	personal struct {
		Name   string `json:"name"`
		Visits int32  `json:"visits"`
	}
	// record is what the playground's egress takes.
	record struct {
		Topic   string `json:"topic"`
		Payload string `json:"payload"`
	}
)

const (
	greeters   functions.TypeName = "example/greeter"
	playground functions.Egress   = "io.statefun.playground/egress"
)

var (
	visitType    = functions.JSON[visit]("example/Visit")
	personalType = functions.JSON[personal]("example/Personal")
	recordType   = functions.JSON[record]("io.statefun.playground/EgressRecord")

	visits = functions.Value("visits", functions.Int)
)

// person counts the visits of one person.
var person = functions.Function{
	Type:   "example/person",
	States: []functions.State{visits},
	Handlers: []functions.Handler{functions.On(visitType, func(ctx functions.Context, in visit) error {
		n := visits.Update(ctx, func(n int32) int32 { return n + 1 })
		ctx.Send(greeters.At(in.Name), personalType.Of(personal{in.Name, n}))
		return nil
	})},
}

// greeter finds the words.
var greeter = functions.Function{
	Type: greeters,
	Handlers: []functions.Handler{functions.On(personalType, func(ctx functions.Context, in personal) error {
		ctx.Send(playground, recordType.Of(record{"greetings", greeting(in)}))
		return nil
	})},
}

func greeting(in personal) string {
	switch in.Visits {
	case 1:
		return fmt.Sprintf("Welcome, %s!", in.Name)
	case 2:
		return fmt.Sprintf("Nice to see you again, %s!", in.Name)
	}
	return fmt.Sprintf("Visit number %d, %s!", in.Visits, in.Name)
}
