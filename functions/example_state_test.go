package functions_test

import (
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// The states of a shopping cart.
var (
	// A value: who the cart belongs to. It is forgotten when nothing has
	// happened for a month.
	cartOwner = functions.Value("owner", functions.String).ExpireAfterInvoke(30 * 24 * time.Hour)
	// A map: how many of each article. Each entry is stored by itself.
	cartItems = functions.Map("items", functions.Int32)
	// A list: what happened, the last three things only.
	cartLog = functions.List("log", functions.String)
)

var cart = functions.Function{
	Type:     "example/cart",
	States:   []functions.State{cartOwner, cartItems, cartLog},
	Handlers: []functions.Handler{functions.On(functions.String, addToCart)},
}

func addToCart(ctx functions.Context, article string) error {
	if _, ok := cartOwner.Get(ctx); !ok {
		cartOwner.Set(ctx, ctx.Self().ID)
	}
	n, _ := cartItems.Get(ctx, article)
	cartItems.Set(ctx, article, n+1)
	cartLog.Append(ctx, "added "+article)
	cartLog.DropFirst(ctx, max(0, cartLog.Len(ctx)-3))
	return nil
}

// The three kinds of state: value, map and list.
func ExampleState() {
	k := functionstest.New(nil, cart)
	for _, article := range []string{"tea", "cup", "tea", "pot"} {
		k.Invoke("alice", functions.String.Of(article))
	}

	alice := k.At("alice") // to look at the state, with the same handles
	owner, _ := cartOwner.Get(alice)
	fmt.Println("owner", owner)
	for article, n := range cartItems.All(alice) {
		fmt.Println(n, article)
	}
	for i, what := range cartLog.All(alice) {
		fmt.Println(i, what)
	}

	k.Advance(31 * 24 * time.Hour)
	fmt.Println("a month later:", k.States("alice"))
	// Output:
	// owner alice
	// 1 cup
	// 1 pot
	// 2 tea
	// 0 added cup
	// 1 added tea
	// 2 added pot
	// a month later: [items log]
}
