package functions_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// Scoring is work for somebody else's server. What the function wants to know
// again with the result is the merchant's country; the result is a number.
var scoring = functions.Async("score", functions.String, functions.Double)

var merchant = functions.Function{
	Type: "example/merchant",
	Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, country string) error {
			id := ctx.Self().ID // what the work needs it takes along
			scoring.Start(ctx, country, func(ctx context.Context) (float64, error) {
				return askForScore(ctx, id)
			})
			return nil
		}),
		functions.OnResult(scoring, func(ctx functions.Context, r functions.Result[string, float64]) error {
			switch r.Status {
			case functions.AsyncSuccess:
				fmt.Println(ctx.Self().ID, r.Metadata, r.Value)
			case functions.AsyncFailure, functions.AsyncUnknown:
				fmt.Println(ctx.Self().ID, r.Metadata, r.Status, r.Err)
			}
			return nil
		}),
	},
}

// askForScore stands for a call to a scoring service.
func askForScore(_ context.Context, id string) (float64, error) {
	if id == "acme" {
		return 0, errors.New("no such merchant")
	}
	return 0.25, nil
}

// Asynchronous work: the function does not wait, and is told how it ended.
func ExampleAsync() {
	k := functionstest.New(nil, merchant)
	k.Invoke("globex", functions.String.Of("DE"))
	k.Invoke("acme", functions.String.Of("US"))
	k.Advance(0) // the work runs, its results arrive

	k.Invoke("globex", functions.String.Of("FR"))
	k.Crash()
	k.Advance(0)
	// Output:
	// globex DE 0.25
	// acme US failure no such merchant
	// globex FR unknown functions: the outcome of "score" was lost in a crash
}
