package shop

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Config changes the shop.
type Config struct {
	// HoldFor is how long a cart holds an item. Defaults to 15 minutes.
	HoldFor time.Duration
}

// New returns the functions of the shop.
func New(c Config) []functions.Function {
	return []functions.Function{newCart(cmp.Or(c.HoldFor, 15*time.Minute)), newInventory()}
}

// contents is all that a cart knows. An empty cart knows nothing, and has no state.
type contents struct {
	Lines map[string]line `json:"lines,omitempty"`
	// CheckingOut says that the cart waits for answers, to buy what it then holds.
	CheckingOut bool `json:"checkingOut,omitempty"`
	// Buyer waits for the receipt, if anybody does.
	Buyer functions.Address `json:"buyer,omitzero"`
}

// line is one item in a cart: so many have been asked for, so many are held.
type line struct {
	Asked      int `json:"asked,omitempty"`
	Held       int `json:"held,omitempty"`
	PriceCents int `json:"priceCents,omitempty"`
	// Hold is the number of the last hold. An expiration of an earlier one is late.
	Hold int `json:"hold,omitempty"`
}

var cartState = functions.Value("cart", functions.JSON[contents]("shop/Contents"))

// cart is the function of carts. The id is the customer's.
type cart struct {
	holdFor time.Duration
}

func newCart(holdFor time.Duration) functions.Function {
	c := cart{holdFor}
	return functions.Function{
		Type:   Carts,
		States: []functions.State{cartState},
		Handlers: []functions.Handler{
			functions.On(AddType, c.add),
			functions.On(RemoveType, c.remove),
			functions.On(CheckoutType, c.checkout),
			functions.On(reservedType, c.reserved),
			functions.On(expirationType, c.expired),
		},
	}
}

// load returns what is in the cart.
func load(ctx functions.Context) contents {
	c := cartState.GetOr(ctx, contents{})
	if c.Lines == nil {
		c.Lines = map[string]line{}
	}
	return c
}

// save keeps what is in the cart, without lines that have become empty.
func (c contents) save(ctx functions.Context) {
	maps.DeleteFunc(c.Lines, func(_ string, l line) bool { return l.Asked+l.Held == 0 })
	if len(c.Lines) == 0 && !c.CheckingOut {
		cartState.Clear(ctx)
		return
	}
	cartState.Set(ctx, c)
}

// add asks the inventory. What is not in the shop never comes into a cart.
func (cart) add(ctx functions.Context, in Add) error {
	c := load(ctx)
	if c.CheckingOut || in.Quantity <= 0 || in.Item == "" {
		return nil // a customer who pays adds nothing more
	}
	l := c.Lines[in.Item]
	l.Asked += in.Quantity
	c.Lines[in.Item] = l
	c.save(ctx)
	ctx.Send(Inventories.At(in.Item), reserveType.Of(reserve{in.Quantity}))
	return nil
}

// reserved is the inventory's answer to add: asked becomes held, for a while, or goes.
func (k cart) reserved(ctx functions.Context, in reserved) error {
	c := load(ctx)
	l := c.Lines[in.Item]
	l.Asked -= in.Asked
	if in.Quantity > 0 {
		l.Held += in.Quantity
		l.PriceCents = in.PriceCents
		l.Hold++
		ctx.Cancel(token(in.Item))
		ctx.SendAfter(k.holdFor, ctx.Self(), expirationType.Of(expiration{in.Item, l.Hold}), functions.CancelToken(token(in.Item)))
	}
	c.Lines[in.Item] = l
	if c.CheckingOut {
		c.buy(ctx)
	}
	c.save(ctx)
	return nil
}

// token is under which the expiration of an item is on its way.
func token(item string) string { return "hold/" + item }

func (cart) remove(ctx functions.Context, in Remove) error {
	c := load(ctx)
	if !c.CheckingOut {
		ctx.Cancel(token(in.Item))
		c.letGo(ctx, in.Item)
		c.save(ctx)
	}
	return nil
}

// expired is the message that takes as long as an item is held.
func (cart) expired(ctx functions.Context, in expiration) error {
	c := load(ctx)
	if c.Lines[in.Item].Hold == in.Hold && !c.CheckingOut {
		c.letGo(ctx, in.Item)
		c.save(ctx)
	}
	return nil
}

// letGo gives back what is held of an item.
func (c contents) letGo(ctx functions.Context, item string) {
	l := c.Lines[item]
	if l.Held > 0 {
		ctx.Send(Inventories.At(item), releaseType.Of(release{l.Held}))
		l.Held = 0
		c.Lines[item] = l
	}
}

func (cart) checkout(ctx functions.Context, _ Checkout) error {
	c := load(ctx)
	if c.CheckingOut {
		answer(ctx, RefusalType.Of(Refusal{"the cart is being checked out"}))
		return nil
	}
	c.CheckingOut = true
	c.Buyer, _ = ctx.Caller()
	c.buy(ctx)
	c.save(ctx)
	return nil
}

// answer replies if somebody waits.
func answer(ctx functions.Context, m functions.Message) {
	if _, ok := ctx.Caller(); ok {
		ctx.Reply(m)
	}
}

// buy ends the check-out, unless an inventory has yet to answer. All that it does
// happens together, or not at all.
func (c *contents) buy(ctx functions.Context) {
	r := Receipt{Customer: ctx.Self().ID}
	for _, item := range slices.Sorted(maps.Keys(c.Lines)) {
		l := c.Lines[item]
		if l.Asked > 0 {
			return
		}
		if l.Held > 0 {
			r.Lines = append(r.Lines, Purchase{item, l.Held, l.PriceCents})
			r.TotalCents += l.Held * l.PriceCents
		}
	}
	reply := ReceiptType.Of(r)
	if len(r.Lines) == 0 {
		reply = RefusalType.Of(Refusal{"there is nothing in the cart"})
	} else {
		ctx.Send(Receipts, reply)
	}
	for _, p := range r.Lines {
		ctx.Cancel(token(p.Item))
		ctx.Send(Inventories.At(p.Item), takeType.Of(take{p.Quantity}))
	}
	if !c.Buyer.IsZero() {
		ctx.Send(c.Buyer, reply)
	}
	*c = contents{}
}
