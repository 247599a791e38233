package remote_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/functions/remote"
)

var (
	seen   = functions.Value("seen", functions.Int)
	greets = functions.Egress("example/greets")
)

// greeter counts visits, and greets through Kafka.
var greeter = functions.Function{
	Type:   "example/greeter",
	States: []functions.State{seen},
	Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, name string) error {
		n := seen.Update(ctx, func(n int32) int32 { return n + 1 })
		ctx.Send(greets, protocol.KafkaRecord.Of(protocol.KafkaProducerRecord{
			Topic: "greets", Key: ctx.Self().ID, Value: fmt.Appendf(nil, "Hello %s, for the %d. time", name, n),
		}))
		return nil
	})},
}

// One function: tried in a test, run in a node's process (statefun.New(…).Register),
// or served over HTTP.
func Example() {
	k := functionstest.New(nil, greeter) // in a test: t
	eff := k.Invoke("alice", functions.String.Of("Alice"))
	record, err := protocol.KafkaRecord.From(eff.Egress[0].Message)
	fmt.Printf("%s %v\n", record.Value, err)

	handler, err := remote.NewHandler(remote.Options{}, greeter)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux() // for an http.Server
	mux.Handle("/statefun", handler)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/statefun", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// Hello Alice, for the 1. time <nil>
	// 405 invalid request method GET, expected POST
}
