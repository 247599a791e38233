package hop

import (
	"github.com/statefun-go/statefun/functions"
)

// Function is the function with this project's SDK.
func Function() functions.Function {
	seen := functions.Value(State, functions.Long)
	return functions.Function{
		Type: Type, States: []functions.State{seen},
		Handlers: []functions.Handler{functions.On(Payload, func(ctx functions.Context, in []byte) error {
			seen.Update(ctx, func(n int64) int64 { return n + 1 })
			s, err := Next(in)
			switch {
			case err != nil:
				return err
			case s.To != "":
				ctx.Send(Type.At(s.To), Payload.Of(s.Message))
			case s.Ends:
				ctx.Send(Ended, Payload.Of(s.Message))
			}
			return nil
		})},
	}
}
