package functions_test

import (
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// The type's name is a constant, so that handlers can send to their own type.
const reservationType functions.TypeName = "example/reservation"

// Messages of a reservation: made, paid, or still not paid when time is up.
type (
	Reserve struct{ Seat string }
	Paid    struct{}
	TimeUp  struct{}
)

var (
	reserve = functions.JSON[Reserve]("example/Reserve")
	paid    = functions.JSON[Paid]("example/Paid")
	timeUp  = functions.JSON[TimeUp]("example/TimeUp")

	reservedSeat = functions.Value("seat", functions.String)
)

const freedSeats = functions.Egress("example/freed-seats")

var reservation = functions.Function{
	Type:   reservationType,
	States: []functions.State{reservedSeat},
	Handlers: []functions.Handler{
		functions.On(reserve, func(ctx functions.Context, in Reserve) error {
			reservedSeat.Set(ctx, in.Seat)
			ctx.SendAfter(15*time.Minute, ctx.Self(), timeUp.Of(TimeUp{}), functions.CancelToken("unpaid"))
			return nil
		}),
		functions.On(paid, func(ctx functions.Context, _ Paid) error {
			ctx.Cancel("unpaid")
			return nil
		}),
		functions.On(timeUp, func(ctx functions.Context, _ TimeUp) error {
			seat, _ := reservedSeat.Get(ctx)
			reservedSeat.Clear(ctx)
			ctx.Send(freedSeats, functions.String.Of(seat))
			return nil
		}),
	},
}

// A delayed message, and how it is taken back.
func ExampleContext_SendAfter() {
	k := functionstest.New(nil, reservation)
	k.Invoke("1", reserve.Of(Reserve{"12A"}))
	k.Invoke("2", reserve.Of(Reserve{"12B"}))
	k.Advance(10 * time.Minute)
	k.Invoke("2", paid.Of(Paid{}))

	for _, e := range k.Advance(5 * time.Minute).Egress {
		seat, _ := functions.String.From(e.Message)
		fmt.Println("free again:", seat)
	}
	fmt.Println("still waiting:", len(k.Pending()))
	// Output:
	// free again: 12A
	// still waiting: 0
}
