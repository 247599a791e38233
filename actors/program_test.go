package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// A program is a tree of operations that travels as a message: each node runs at
// one address and sends its children on. Whatever the order of events, and
// however often the node crashes, each node runs exactly once; so the final
// state of every address is known from the tree alone.
type program struct {
	ID   string `json:"id"`   // where it runs
	From string `json:"from"` // the sender, "" for the driver
	N    int    `json:"n"`    // its number among the messages from From to ID, 0: unordered
	Add  int64  `json:"add"`
	// Fail attempts fail first, one of them by a panic.
	Fail    int        `json:"fail,omitempty"`
	Append  bool       `json:"append,omitempty"`
	Emit    bool       `json:"emit,omitempty"`
	Async   bool       `json:"async,omitempty"`
	Send    []*program `json:"send,omitempty"`
	After   []*program `json:"after,omitempty"`  // delayed by DelayMS
	Never   *program   `json:"never,omitempty"`  // delayed, then cancelled at once
	Cancel  *program   `json:"cancel,omitempty"` // delayed for long, with a token; a child cancels it
	Token   string     `json:"token,omitempty"`
	Revoke  string     `json:"revoke,omitempty"`
	DelayMS int        `json:"delay,omitempty"`
}

const (
	progType   functions.TypeName = "sim/program"
	progEgress functions.TypeName = "sim/out"
)

// world is what a run of programs ends in: the model's and the node's.
type world struct {
	Sum     map[string]int64 // of the adds, by address
	Async   map[string]int64
	List    map[string]int
	Emitted map[string]int
}

func newWorld() *world {
	return &world{map[string]int64{}, map[string]int64{}, map[string]int{}, map[string]int{}}
}

// apply is the model: it runs a program to its end.
func (w *world) apply(p *program) {
	w.Sum[p.ID] += p.Add
	if p.Append {
		w.List[p.ID]++
	}
	if p.Emit {
		w.Emitted[p.ID]++
	}
	if p.Async {
		w.Async[p.ID]++
	}
	for _, c := range p.Send {
		w.apply(c)
	}
	for _, c := range p.After {
		w.apply(c)
	}
}

// generator makes random programs.
type generator struct {
	rng   *rand.Rand
	ids   int
	token int
}

func (g *generator) id() string { return fmt.Sprintf("id%d", g.rng.IntN(g.ids)) }

func (g *generator) program(id, from string, depth int) *program {
	p := &program{ID: id, From: from, Add: g.rng.Int64N(1000)}
	p.Append, p.Emit, p.Async = g.rng.IntN(4) == 0, g.rng.IntN(3) == 0, g.rng.IntN(8) == 0
	if g.rng.IntN(10) == 0 {
		p.Fail = 1 + g.rng.IntN(3)
	}
	if depth == 0 {
		return p
	}
	for range g.rng.IntN(3) {
		p.Send = append(p.Send, g.program(g.id(), id, depth-1))
	}
	if g.rng.IntN(3) == 0 {
		p.After = append(p.After, g.program(g.id(), id, depth-1))
		p.DelayMS = g.rng.IntN(200)
	}
	if g.rng.IntN(6) == 0 {
		p.Never = g.program(g.id(), id, 0)
	}
	if g.rng.IntN(6) == 0 {
		g.token++
		p.Token = fmt.Sprintf("token%d", g.token)
		p.Cancel = g.program(g.id(), id, 0)
		revoke := g.program(id, id, 0)
		revoke.Revoke = p.Token
		p.Send = append(p.Send, revoke)
	}
	return p
}

// interpreter returns the function that runs programs. failures counts the
// attempts at each program; it forgets with the process, like any memory.
func interpreter() *functions.Function {
	var (
		sum     = functions.Value("sum", functions.Int64)
		async   = functions.Value("async", functions.Int64)
		list    = functions.List("list", functions.String)
		sent    = functions.Map("sent", functions.Int64) // messages to each address so far
		got     = functions.Map("got", functions.Int64)  // number of the last message from each
		message = functions.JSON[*program]("sim/message")
		work    = functions.Async("work", functions.String, functions.String)
	)
	attempts := map[*byte]int{} // one goroutine runs everything
	send := func(ctx functions.Context, c *program) functions.Message {
		n, _ := sent.Get(ctx, c.ID)
		sent.Set(ctx, c.ID, n+1)
		cc := *c
		cc.N = int(n + 1)
		return message.Of(&cc)
	}
	run := func(ctx functions.Context, p *program) error {
		if p.N > 0 {
			last, _ := got.Get(ctx, p.From)
			if int64(p.N) != last+1 {
				return functions.Permanent(fmt.Errorf("message %d from %s after %d", p.N, p.From, last))
			}
			got.Set(ctx, p.From, int64(p.N))
		}
		sum.Update(ctx, func(v int64) int64 { return v + p.Add })
		if p.Append {
			list.Append(ctx, p.From)
		}
		if p.Emit {
			ctx.Send(functions.Egress(progEgress), functions.String.Of(p.ID))
		}
		if p.Async {
			work.Start(ctx, "meta", func(context.Context) (string, error) { return "done", nil })
		}
		for _, c := range p.Send {
			ctx.Send(progType.At(c.ID), send(ctx, c))
		}
		for _, c := range p.After { // timers of different delays overtake: unordered
			ctx.SendAfter(time.Duration(p.DelayMS)*time.Millisecond, progType.At(c.ID), message.Of(c))
		}
		if p.Never != nil {
			ctx.SendAfter(0, progType.At(p.Never.ID), message.Of(p.Never), functions.CancelToken("never"))
			ctx.Cancel("never")
		}
		if p.Cancel != nil {
			ctx.SendAfter(time.Hour, progType.At(p.Cancel.ID), message.Of(p.Cancel), functions.CancelToken(p.Token))
		}
		if p.Revoke != "" {
			ctx.Cancel(p.Revoke)
		}
		return nil
	}
	_ = attempts
	tried := map[string]int{}
	return &functions.Function{
		Type: progType, States: []functions.State{sum, async, list, sent, got},
		Handlers: []functions.Handler{
			functions.On(message, func(ctx functions.Context, p *program) error {
				err := run(ctx, p)
				if key := fmt.Sprintf("%s/%s/%d/%d", p.ID, p.From, p.N, p.Add); err == nil && tried[key] < p.Fail {
					tried[key]++
					if tried[key] == 1 {
						panic("planned")
					}
					return errors.New("planned")
				}
				return err
			}),
			functions.OnResult(work, func(ctx functions.Context, r functions.Result[string, string]) error {
				if r.Metadata != "meta" {
					return functions.Permanent(fmt.Errorf("metadata %q", r.Metadata))
				}
				async.Update(ctx, func(v int64) int64 { return v + 1 })
				return nil
			}),
		},
	}
}

func (p *program) encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// observe reads the world out of a node.
func observe(e *Engine, ids int) (*world, error) {
	w := newWorld()
	for i := range ids {
		id := fmt.Sprintf("id%d", i)
		states, err := e.State(progType.At(id))
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			v, _ := functions.Int64.Decode(s.Value)
			switch s.Name {
			case "sum":
				w.Sum[id] = v
			case "async":
				w.Async[id] = v
			case "list":
				w.List[id] = s.Size
			}
		}
	}
	return w, nil
}

// diff says how two worlds differ, "" if they do not.
func (w *world) diff(o *world) string {
	var out []string
	for id := range w.Sum {
		if w.Sum[id] != o.Sum[id] || w.Async[id] != o.Async[id] || w.List[id] != o.List[id] || w.Emitted[id] != o.Emitted[id] {
			out = append(out, fmt.Sprintf("%s: want sum %d async %d list %d emitted %d, got %d %d %d %d", id,
				w.Sum[id], w.Async[id], w.List[id], w.Emitted[id], o.Sum[id], o.Async[id], o.List[id], o.Emitted[id]))
		}
	}
	return strings.Join(out, "\n")
}
