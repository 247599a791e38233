package main

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/examples/cart/shop"
	"github.com/statefun-go/statefun/functions"
)

// ways are the places where the functions run.
var ways = []struct {
	name   string
	remote bool
}{{"in process", false}, {"over HTTP", true}}

func testOptions(remote bool) options {
	return options{remote: remote, module: "module.yaml", serve: "127.0.0.1:0", http: "off", holdFor: 200 * time.Millisecond}
}

// open runs the shop on a node in memory.
func open(t *testing.T, o options) *statefun.Harness {
	t.Helper()
	app := statefun.New(statefun.Config{Name: "cart", Logger: slog.New(slog.DiscardHandler)})
	if !o.remote {
		app.Register(shop.New(shop.Config{HoldFor: o.holdFor})...)
		return statefun.NewHarness(t, app, shop.Receipts)
	}
	s, err := serve(app, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return statefun.NewHarness(t, app, shop.Receipts)
}

// Customers do this and that, with restarts in between: of each item, what is sold and
// what is left is what there was.
func TestNothingIsSoldTwice(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			const items, customers, delivered = 3, 8, 20
			o := testOptions(w.remote)
			o.holdFor = time.Hour
			h := open(t, o)
			for i := range items {
				h.Send(shop.Inventories.At(strconv.Itoa(i)), shop.RestockType.Of(shop.Restock{Quantity: delivered, PriceCents: 100}))
			}
			r := rand.New(rand.NewPCG(1, 2))
			for step := range 120 {
				cart := shop.Carts.At(strconv.Itoa(r.IntN(customers)))
				item := strconv.Itoa(r.IntN(items))
				switch n := r.IntN(10); {
				case n < 6:
					h.Send(cart, shop.AddType.Of(shop.Add{Item: item, Quantity: 1 + r.IntN(3)}))
				case n < 8:
					h.Send(cart, shop.RemoveType.Of(shop.Remove{Item: item}))
				default:
					h.Send(cart, shop.CheckoutType.Of(shop.Checkout{}))
				}
				if step%50 == 25 {
					h.Restart()
				}
			}
			for i := range customers {
				h.Send(shop.Carts.At(strconv.Itoa(i)), shop.CheckoutType.Of(shop.Checkout{}))
			}
			h.Idle()
			sold := map[string]int{}
			for _, rec := range h.Records(shop.Receipts) {
				receipt, err := shop.ReceiptType.From(functions.Message{Type: rec.Type, Value: rec.Value})
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range receipt.Lines {
					sold[l.Item] += l.Quantity
				}
			}
			for i := range items {
				item := strconv.Itoa(i)
				s, err := shop.StockType.From(h.Call(shop.Inventories.At(item), shop.StockQueryType.Of(shop.StockQuery{})))
				if err != nil || s.Held != 0 || s.Quantity < 0 || s.Quantity+sold[item] != delivered || sold[item] == 0 {
					t.Errorf("item %s: %d sold, %+v left, %v", item, sold[item], s, err)
				}
			}
		})
	}
}

// screen is what the program prints. It tells when a text was there.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	await string
	there context.CancelFunc
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(b)
	if strings.Contains(s.text.String(), s.await) {
		s.there()
	}
	return n, err
}

// The program from its beginning to Ctrl-C, one way after the other on the same data.
// What bob gets depends on how fast the machine is; the sum does not.
func TestProgram(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	delivered, sold := 0, 0
	for _, w := range ways {
		o := testOptions(w.remote)
		o.data = data
		ctx, cancel := context.WithCancel(t.Context())
		s := &screen{await: "in the evening: ", there: cancel}
		if err := run(ctx, s, o); err != nil {
			t.Fatal(w.name, err)
		}
		text := s.text.String()
		delivered += 3
		bought := strings.Count(text, `the answer to bob: {"customer":"bob","lines":[{"item":"socks","quantity":1,"priceCents":499}]`)
		sold += bought
		left := "in the evening: " + strconv.Itoa(delivered-sold) + " pairs of socks, 0 of them in carts"
		if bought == 0 || !strings.Contains(text, left) || !strings.Contains(text, "closed; all is in "+data) {
			t.Errorf("%s: no %q after %d sales in\n%s", w.name, left, sold, text)
		}
	}
}

func TestWrongModule(t *testing.T) {
	t.Parallel()
	o := testOptions(true)
	o.module, o.data = "none.yaml", t.TempDir()
	if err := run(t.Context(), &bytes.Buffer{}, o); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}
