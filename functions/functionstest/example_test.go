package functionstest_test

import (
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// The function under test counts frauds. Each is forgotten after a month.
const fraudCountType functions.TypeName = "fraud/count"

var frauds = functions.Value("frauds", functions.Long)

var fraudCount = functions.Function{
	Type:     fraudCountType,
	States:   []functions.State{frauds},
	Handlers: []functions.Handler{functions.On(functions.Int, countFrauds)},
}

func countFrauds(ctx functions.Context, n int32) error {
	count := frauds.Update(ctx, func(count int64) int64 { return count + int64(n) })
	if count == 0 {
		frauds.Clear(ctx)
	}
	if n > 0 {
		ctx.SendAfter(30*24*time.Hour, ctx.Self(), functions.Int.Of(-n))
	}
	return nil
}

// In a test, the first argument of New is its *testing.T.
func Example() {
	k := functionstest.New(nil, fraudCount)
	frauds.Set(k.At("alice"), 0) // given state

	eff := k.Invoke("alice", functions.Int.Of(1))
	count, _ := frauds.Get(k.At("alice"))
	fmt.Println(count, "and takes it back in", eff.Delayed[0].After)

	k.Advance(30 * 24 * time.Hour)
	fmt.Println("states left:", k.States("alice"))
	// Output:
	// 1 and takes it back in 720h0m0s
	// states left: []
}
