package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/examples/cart/shop"
	"github.com/statefun-go/statefun/functions"
)

// printer says what happens.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *printer) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// receipt is the egress.
func (p *printer) receipt(_ context.Context, r statefun.Record) error {
	p.say("  receipt printed: %s", r.Value)
	return nil
}

// walk is a day in the shop. What is left of an earlier day is there as well. It comes
// to its end on a slow machine, too, where a cart may let go before bob is there.
func walk(ctx context.Context, n *statefun.Node, p *printer, holdFor time.Duration) error {
	w := &walker{ctx: ctx, node: n, printer: p}
	socks := shop.Inventories.At("socks")
	ann, bob := shop.Carts.At("ann"), shop.Carts.At("bob")

	// A walk that was cut short may have left something in a cart.
	before := w.until("at the beginning", nothingHeld)
	w.say("three pairs of socks are delivered")
	w.send(socks, shop.RestockType.Of(shop.Restock{Quantity: 3, PriceCents: 499}))
	w.say("ann puts all %d pairs into her cart", before.Quantity+3)
	w.send(ann, shop.AddType.Of(shop.Add{Item: "socks", Quantity: before.Quantity + 3}))
	late := time.Now().Add(holdFor)
	w.until("held", func(s shop.Stock) bool { return s.Held == s.Quantity || time.Now().After(late) })
	w.say("bob wants one, and gets none:")
	w.send(bob, shop.AddType.Of(shop.Add{Item: "socks", Quantity: 1}))
	w.checkout(bob)
	w.say("ann forgets about it, and her cart lets go, by itself")
	w.until("let go", nothingHeld)
	w.say("bob tries again:")
	w.send(bob, shop.AddType.Of(shop.Add{Item: "socks", Quantity: 1}))
	w.checkout(bob)
	w.until("in the evening", nothingHeld)
	return w.err
}

func nothingHeld(s shop.Stock) bool { return s.Held == 0 }

// walker does one thing after the other, until one fails.
type walker struct {
	*printer

	ctx  context.Context //nolint:containedctx // it is one walk's
	node *statefun.Node
	err  error
}

func (w *walker) send(to functions.Address, m functions.Message) {
	if w.err == nil {
		w.err = w.node.Send(w.ctx, to, m)
	}
}

func (w *walker) call(to functions.Address, m functions.Message) functions.Message {
	if w.err != nil {
		return functions.Message{}
	}
	a, err := w.node.Call(w.ctx, to, m)
	if err == nil && a.Failure != "" {
		err = fmt.Errorf("%s: %s", to, a.Failure)
	}
	w.err = err
	return a.Message
}

func (w *walker) checkout(cart functions.Address) {
	if m := w.call(cart, shop.CheckoutType.Of(shop.Checkout{})); w.err == nil {
		w.say("  the answer to %s: %s", cart.ID, m.Value)
	}
}

func (w *walker) stock() (s shop.Stock) {
	m := w.call(shop.Inventories.At("socks"), shop.StockQueryType.Of(shop.StockQuery{}))
	if w.err == nil {
		s, w.err = shop.StockType.From(m)
	}
	return s
}

// until asks again and again.
func (w *walker) until(what string, done func(shop.Stock) bool) (s shop.Stock) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for w.err == nil {
		if s = w.stock(); w.err == nil && done(s) {
			w.say("  %s: %d pairs of socks, %d of them in carts", what, s.Quantity, s.Held)
			return s
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.err = context.Cause(w.ctx)
		}
	}
	return s
}
