// Command cart is a shop: carts that hold items for a while, and buy them. The same
// functions run in the process of the node, or behind HTTP:
//
//	go run ./examples/cart
//	go run ./examples/cart --remote
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/examples/cart/shop"
)

// options are the flags.
type options struct {
	remote        bool
	module, serve string
	data, http    string
	holdFor       time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.remote, "remote", false, "serve the functions over HTTP, and let the node call them there")
	flag.StringVar(&o.module, "module", "examples/cart/module.yaml", "the module file that --remote uses")
	flag.StringVar(&o.serve, "serve", "127.0.0.1:8010", "where --remote serves the functions")
	flag.StringVar(&o.data, "data", "cart-data", "the directory that keeps everything")
	flag.StringVar(&o.http, "http", "127.0.0.1:8080", "where the node listens")
	flag.DurationVar(&o.holdFor, "hold", 3*time.Second, "how long a cart holds an item")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cart:", err)
		os.Exit(1)
	}
}

// run goes through a day in the shop, and then stays open until ctx ends.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	p := &printer{out: out}
	app := statefun.New(statefun.Config{Name: "cart", DataDir: o.data, HTTP: o.http, Logger: slog.New(slog.DiscardHandler)})
	app.EgressFunc(shop.Receipts, p.receipt)
	if o.remote {
		server, err := serve(app, o)
		if err != nil {
			return err
		}
		defer server.Close() //nolint:errcheck // the node that called it is closed
		p.say("the functions are behind %s, as %s says", server.url, o.module)
	} else {
		app.Register(shop.New(shop.Config{HoldFor: o.holdFor})...)
		p.say("the functions are in the process of the node")
	}
	node, err := app.Start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := node.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := walk(ctx, node, p, o.holdFor); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() == nil && node.URL() != "" {
		p.say("the shop stays open at %s, Ctrl-C closes it; try\n"+
			"  curl %[1]s/shop/cart/carol -H 'Content-Type: application/vnd.shop/Add' -d '{\"item\": \"socks\", \"quantity\": 1}'\n"+
			"  curl '%[1]s/shop/cart/carol?call' -H 'Content-Type: application/vnd.shop/Checkout' -d '{}'", node.URL())
	}
	select {
	case <-ctx.Done():
	case err := <-node.Failed():
		return err
	}
	p.say("closed; all is in %s, and goes on from there", o.data)
	return nil
}
