package functions_test

import (
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// GreetRequest asks for a greeting of the person whose id it is sent to.
type GreetRequest struct{ Name string }

// Greeting is what goes to the egress.
type Greeting struct {
	Text  string
	Times int64
}

var (
	greetRequest = functions.JSON[GreetRequest]("example/GreetRequest")
	greeting     = functions.JSON[Greeting]("example/Greeting")

	// One number per person, kept for ever.
	seen = functions.Value("seen", functions.Int64)
)

const greets = functions.Egress("example/greets")

var greeter = functions.Function{
	Type:     "example/greeter",
	States:   []functions.State{seen},
	Handlers: []functions.Handler{functions.On(greetRequest, greet)},
}

func greet(ctx functions.Context, in GreetRequest) error {
	n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
	ctx.Send(greets, greeting.Of(Greeting{Text: "Hello " + in.Name, Times: n}))
	return nil
}

// A function that counts per person, and sends greetings to an egress.
func Example() {
	k := functionstest.New(nil, greeter) // in a test: t
	k.Invoke("alice", greetRequest.Of(GreetRequest{"Alice"}))
	k.Invoke("bob", greetRequest.Of(GreetRequest{"Bob"}))
	k.Invoke("alice", greetRequest.Of(GreetRequest{"Alice"}))

	for _, e := range k.Effects().Egress {
		fmt.Println(e.To, e.Message)
	}
	// Output:
	// example/greets example/Greeting "{\"Text\":\"Hello Alice\",\"Times\":1}"
	// example/greets example/Greeting "{\"Text\":\"Hello Bob\",\"Times\":1}"
	// example/greets example/Greeting "{\"Text\":\"Hello Alice\",\"Times\":2}"
}
