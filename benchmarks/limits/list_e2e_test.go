//go:build e2e

package limits

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/functions"
)

const listType functions.TypeName = "limits/list"

// One list state of ten million entries is appended to, read, dropped from the
// front and cleared.
func TestList(t *testing.T) {
	launch(t, task{Role: "list", Dir: t.TempDir(), Messages: scaled(t, 1_000_000, 10_000_000)}).ends(most)
}

func listRole(c *child) {
	const each = 1000
	entries := functions.List("entries", payload)
	f := functions.Function{
		Type: listType, States: []functions.State{entries}, Deadline: time.Hour,
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, do string) error {
			switch do {
			case "append":
				at := entries.Len(ctx)
				for i := range each {
					b := make([]byte, 32)
					binary.BigEndian.PutUint64(b, uint64(at+i))
					entries.Append(ctx, b)
				}
			case "sum":
				first, next := uint64(0), uint64(0)
				for i, b := range entries.All(ctx) {
					n := binary.BigEndian.Uint64(b)
					if i == 0 {
						first, next = n, n
					}
					if n != next {
						return functions.Permanent(fmt.Errorf("entry %d is %d, expected %d", i, n, next))
					}
					next++
				}
				ctx.Reply(functions.String.Of(fmt.Sprint(next-first, " ", entries.Len(ctx))))
				return nil
			case "drop":
				entries.DropFirst(ctx, 1+entries.Len(ctx)/100)
			case "clear":
				entries.Clear(ctx)
			}
			return nil
		})},
	}
	c.start(statefun.Config{}, f)
	to := listType.At("one")
	ask := func(do string) {
		began := time.Now()
		a, err := c.node.Call(context.Background(), to, functions.String.Of("sum"))
		c.must(err)
		got, err := functions.String.Decode(a.Message.Value)
		if err != nil || a.Failure != "" {
			c.fail("%s %v", a.Failure, err)
		}
		var counted, length int
		if _, err := fmt.Sscan(got, &counted, &length); err != nil || counted != length {
			c.fail("the list has %q entries", got)
		}
		c.say(do+": entries", float64(length))
		c.stage(do+": read", began)
	}
	repeat := func(do string, n int) {
		began := time.Now()
		for range n {
			c.must(c.node.Send(context.Background(), to, functions.String.Of(do)))
		}
		c.settle()
		c.stage(do, began)
		ask(do)
	}
	repeat("append", c.Messages/each)
	repeat("drop", 70)
	repeat("clear", 1)
	c.stop()
}
