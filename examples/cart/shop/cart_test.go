package shop_test

import (
	"testing"
	"time"

	"github.com/statefun-go/statefun/examples/cart/shop"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// pair runs carts and inventories, and carries the messages between them.
type pair struct {
	t           *testing.T
	cart, shelf *functionstest.Kit
	receipts    []shop.Receipt
	replies     []functions.Message
	holdBack    bool // what goes to inventories
	held        []functionstest.Sent
}

var customer = functions.TypeName("test/customer").At("c")

func newPair(t *testing.T) *pair {
	t.Helper()
	fns := shop.New(shop.Config{HoldFor: time.Minute})
	return &pair{t: t, cart: functionstest.New(t, fns[0]), shelf: functionstest.New(t, fns[1])}
}

// tell sends a message to ann's cart, and all that follows from it.
func (p *pair) tell(m functions.Message) {
	p.follow(p.cart.Invoke("ann", m, functionstest.Caller(customer)))
}

func (p *pair) follow(e functionstest.Effects) {
	for _, x := range e.Egress {
		r, err := shop.ReceiptType.From(x.Message)
		if err != nil || x.To != shop.Receipts {
			p.t.Fatalf("sent %v to %s, error %v", x.Message, x.To, err)
		}
		p.receipts = append(p.receipts, r)
	}
	for _, s := range e.Sent {
		switch {
		case s.To == customer:
			p.replies = append(p.replies, s.Message)
		case s.To.Type == shop.Inventories && p.holdBack:
			p.held = append(p.held, s)
		case s.To.Type == shop.Inventories:
			p.deliver(s)
		}
	}
}

func (p *pair) deliver(s functionstest.Sent) {
	e := p.shelf.Invoke(s.To.ID, s.Message, functionstest.Caller(shop.Carts.At("ann")))
	for _, back := range e.Sent {
		p.follow(p.cart.Invoke(back.To.ID, back.Message, functionstest.Caller(s.To)))
	}
}

func (p *pair) restock(item string, quantity, price int) {
	p.shelf.Invoke(item, shop.RestockType.Of(shop.Restock{Quantity: quantity, PriceCents: price}))
}

func (p *pair) wantStock(item string, quantity, held int) {
	p.t.Helper()
	e := p.shelf.Invoke(item, shop.StockQueryType.Of(shop.StockQuery{}), functionstest.Caller(customer))
	s, err := shop.StockType.From(e.Sent[0].Message)
	if want := (shop.Stock{Quantity: quantity, Held: held}); err != nil || s != want {
		p.t.Errorf("%s: got %+v, %v, want %+v", item, s, err, want)
	}
}

func (p *pair) wantEmpty() {
	p.t.Helper()
	if names := p.cart.States("ann"); len(names) > 0 {
		p.t.Errorf("the cart still has %q", names)
	}
}

func add(item string, quantity int) functions.Message {
	return shop.AddType.Of(shop.Add{Item: item, Quantity: quantity})
}

var checkout = shop.CheckoutType.Of(shop.Checkout{})

func TestBuy(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.restock("socks", 3, 499)
	p.restock("hat", 1, 1999)
	for _, m := range []functions.Message{add("socks", 1), add("hat", 1), add("socks", 1), add("socks", 2), add("gloves", 1), add("socks", 0)} {
		p.tell(m)
	}
	p.wantStock("socks", 3, 2)
	p.tell(checkout)
	if len(p.receipts) != 1 || p.receipts[0].TotalCents != 2*499+1999 || len(p.receipts[0].Lines) != 2 || len(p.replies) != 1 {
		t.Errorf("got %+v, %v", p.receipts, p.replies)
	}
	p.wantStock("socks", 1, 0)
	p.wantStock("hat", 0, 0)
	p.wantEmpty()
	p.follow(p.cart.Advance(time.Hour))
	p.wantStock("socks", 1, 0)
	p.tell(checkout)
	if r, err := shop.RefusalType.From(p.replies[1]); err != nil || r.Reason != "there is nothing in the cart" || len(p.receipts) != 1 {
		t.Errorf("got %v, %v, %+v", r, err, p.receipts)
	}
}

func TestHoldsExpire(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.restock("socks", 3, 499)
	p.tell(add("socks", 1))
	p.follow(p.cart.Advance(59 * time.Second))
	p.tell(add("socks", 1)) // both are held for another minute
	p.follow(p.cart.Advance(59 * time.Second))
	p.wantStock("socks", 3, 2)
	p.follow(p.cart.Advance(time.Second))
	p.wantStock("socks", 3, 0)
	p.wantEmpty()
	p.tell(add("socks", 3))
	p.tell(shop.RemoveType.Of(shop.Remove{Item: "socks"}))
	p.wantStock("socks", 3, 0)
	p.wantEmpty()
}

// A check-out waits for the answers of inventories, and takes nothing more meanwhile.
func TestCheckoutWaits(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.restock("socks", 1, 499)
	p.restock("hat", 1, 1999)
	p.tell(add("socks", 1))
	p.holdBack = true
	p.tell(add("hat", 1))
	p.tell(checkout)
	p.tell(add("socks", 1))
	p.tell(shop.RemoveType.Of(shop.Remove{Item: "socks"}))
	p.follow(p.cart.Advance(time.Hour)) // what is being bought does not expire
	p.tell(checkout)
	if r, err := shop.RefusalType.From(p.replies[0]); err != nil || r.Reason != "the cart is being checked out" || len(p.receipts) > 0 {
		t.Errorf("got %v, %v, %+v", r, err, p.receipts)
	}
	p.holdBack = false
	for _, s := range p.held {
		p.deliver(s)
	}
	if len(p.held) != 1 || len(p.receipts) != 1 || p.receipts[0].TotalCents != 499+1999 {
		t.Errorf("got %+v, %+v", p.held, p.receipts)
	}
	p.wantStock("socks", 0, 0)
	p.wantEmpty()
}

func TestRestockIsChecked(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.shelf.MustFail("socks", shop.RestockType.Of(shop.Restock{Quantity: -1})); err == nil {
		t.Error("no error")
	}
}
