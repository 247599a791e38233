package shop

import (
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// shelf is what an inventory knows. Held is never more than Quantity.
type shelf struct {
	Quantity   int `json:"quantity"`
	PriceCents int `json:"priceCents"`
	Held       int `json:"held,omitempty"`
}

var shelfState = functions.Value("shelf", functions.JSON[shelf]("shop/Shelf"))

// newInventory is the function of inventories. The id is the item's.
func newInventory() functions.Function {
	return functions.Function{
		Type:   Inventories,
		States: []functions.State{shelfState},
		Handlers: []functions.Handler{
			functions.On(RestockType, restock),
			functions.On(reserveType, hold),
			functions.On(releaseType, giveBack),
			functions.On(takeType, sell),
			functions.On(StockQueryType, stock),
		},
	}
}

func restock(ctx functions.Context, in Restock) error {
	if in.Quantity < 0 || in.PriceCents < 0 {
		return functions.Permanent(fmt.Errorf("restock: expected a quantity and a price of 0 or more, found %+v", in))
	}
	s := shelfState.GetOr(ctx, shelf{})
	s.Quantity += in.Quantity
	s.PriceCents = in.PriceCents
	shelfState.Set(ctx, s)
	return nil
}

// hold sets some aside for a cart: all that it asks for, or nothing.
func hold(ctx functions.Context, in reserve) error {
	s := shelfState.GetOr(ctx, shelf{})
	reply := reserved{Item: ctx.Self().ID, Asked: in.Quantity, PriceCents: s.PriceCents}
	if s.Quantity-s.Held >= in.Quantity {
		s.Held += in.Quantity
		reply.Quantity = in.Quantity
		shelfState.Set(ctx, s)
	}
	ctx.Reply(reservedType.Of(reply))
	return nil
}

func giveBack(ctx functions.Context, in release) error {
	shelfState.Update(ctx, func(s shelf) shelf { s.Held -= in.Quantity; return s })
	return nil
}

func sell(ctx functions.Context, in take) error {
	shelfState.Update(ctx, func(s shelf) shelf {
		s.Held -= in.Quantity
		s.Quantity -= in.Quantity
		return s
	})
	return nil
}

func stock(ctx functions.Context, _ StockQuery) error {
	s := shelfState.GetOr(ctx, shelf{})
	answer(ctx, StockType.Of(Stock{Quantity: s.Quantity, Held: s.Held}))
	return nil
}
