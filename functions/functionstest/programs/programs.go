// Package programs makes random programs of stateful functions, and knows what
// must come of them: for tests of runtimes that crash, reorder and retry.
package programs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// A Program is a tree of operations that travels as a message: each node runs at
// one address and sends its children on. Whatever the order of events, and
// however often the node crashes, each node runs exactly once; so the final
// state of every address is known from the tree alone.
type Program struct {
	ID   string `json:"id"`   // where it runs
	From string `json:"from"` // the sender, "" for the driver
	N    int    `json:"n"`    // its number among the messages from From to ID, 0: unordered
	Add  int64  `json:"add"`
	// Fail attempts fail first, one of them by a panic.
	Fail    int        `json:"fail,omitempty"`
	Append  bool       `json:"append,omitempty"`
	Emit    bool       `json:"emit,omitempty"`
	Async   bool       `json:"async,omitempty"`
	Send    []*Program `json:"send,omitempty"`
	After   []*Program `json:"after,omitempty"`  // delayed by DelayMS
	Never   *Program   `json:"never,omitempty"`  // delayed, then cancelled at once
	Cancel  *Program   `json:"cancel,omitempty"` // delayed for long, with a token; a child cancels it
	Token   string     `json:"token,omitempty"`
	Revoke  string     `json:"revoke,omitempty"`
	DelayMS int        `json:"delay,omitempty"`
}

// The names that the programs use.
const (
	Type        functions.TypeName = "sim/program"
	MessageType functions.TypeName = "sim/message"
	Egress      functions.TypeName = "sim/out"
)

// World is what a run of programs ends in, by address: the model's or a node's.
type World struct {
	Sum     map[string]int64 // of the adds
	Async   map[string]int64 // outcomes of asynchronous work
	List    map[string]int   // entries
	Emitted map[string]int   // egress records
}

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{map[string]int64{}, map[string]int64{}, map[string]int{}, map[string]int{}}
}

// Apply is the model: it runs a program to its end.
func (w *World) Apply(p *Program) {
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
		w.Apply(c)
	}
	for _, c := range p.After {
		w.Apply(c)
	}
}

// Generator makes random programs. The same seed makes the same ones.
type Generator struct {
	Rand  *rand.Rand
	IDs   int // addresses are id0, id1, …
	token int
}

// ID picks an address.
func (g *Generator) ID() string { return fmt.Sprintf("id%d", g.Rand.IntN(g.IDs)) }

// Program makes a program that runs at id, with children depth deep.
func (g *Generator) Program(id, from string, depth int) *Program {
	p := &Program{ID: id, From: from, Add: g.Rand.Int64N(1000)}
	p.Append, p.Emit, p.Async = g.Rand.IntN(4) == 0, g.Rand.IntN(3) == 0, g.Rand.IntN(8) == 0
	if g.Rand.IntN(10) == 0 {
		p.Fail = 1 + g.Rand.IntN(3)
	}
	if depth == 0 {
		return p
	}
	for range g.Rand.IntN(3) {
		p.Send = append(p.Send, g.Program(g.ID(), id, depth-1))
	}
	if g.Rand.IntN(3) == 0 {
		p.After = append(p.After, g.Program(g.ID(), id, depth-1))
		p.DelayMS = g.Rand.IntN(200)
	}
	if g.Rand.IntN(6) == 0 {
		p.Never = g.Program(g.ID(), id, 0)
	}
	if g.Rand.IntN(6) == 0 {
		g.token++
		p.Token = fmt.Sprintf("token%d", g.token)
		p.Cancel = g.Program(g.ID(), id, 0)
		revoke := g.Program(id, id, 0)
		revoke.Revoke = p.Token
		p.Send = append(p.Send, revoke)
	}
	return p
}

// interpreter runs programs. Its count of failed attempts is lost with the
// process, like any memory.
type interpreter struct {
	sum, async *functions.ValueState[int64]
	list       *functions.ListState[string]
	sent       *functions.MapState[int64] // messages to each address so far
	got        *functions.MapState[int64] // number of the last message from each
	message    functions.Type[*Program]
	work       *functions.AsyncOperation[string, string]

	mu    sync.Mutex
	tried map[string]int
}

// Function returns the function that runs programs.
func Function() *functions.Function {
	in := &interpreter{
		sum:     functions.Value("sum", functions.Int64),
		async:   functions.Value("async", functions.Int64),
		list:    functions.List("list", functions.String),
		sent:    functions.Map("sent", functions.Int64),
		got:     functions.Map("got", functions.Int64),
		message: functions.JSON[*Program](MessageType),
		work:    functions.Async("work", functions.String, functions.String),
		tried:   map[string]int{},
	}
	return &functions.Function{
		Type: Type, States: []functions.State{in.sum, in.async, in.list, in.sent, in.got},
		Handlers: []functions.Handler{functions.On(in.message, in.handle), functions.OnResult(in.work, in.result)},
	}
}

func (in *interpreter) handle(ctx functions.Context, p *Program) error {
	if err := in.order(ctx, p); err != nil {
		return err
	}
	in.change(ctx, p)
	in.send(ctx, p)
	in.schedule(ctx, p)
	return in.fail(p)
}

func (in *interpreter) result(ctx functions.Context, r functions.Result[string, string]) error {
	if r.Metadata != "meta" {
		return functions.Permanent(fmt.Errorf("metadata %q", r.Metadata))
	}
	in.async.Update(ctx, func(v int64) int64 { return v + 1 })
	return nil
}

// order checks that no message from the sender is missing, doubled or early.
func (in *interpreter) order(ctx functions.Context, p *Program) error {
	if p.N == 0 {
		return nil
	}
	last, _ := in.got.Get(ctx, p.From)
	if int64(p.N) != last+1 {
		return functions.Permanent(fmt.Errorf("message %d from %s after %d", p.N, p.From, last))
	}
	in.got.Set(ctx, p.From, int64(p.N))
	return nil
}

func (in *interpreter) change(ctx functions.Context, p *Program) {
	total := in.sum.Update(ctx, func(v int64) int64 { return v + p.Add })
	if _, ok := ctx.Caller(); ok && p.From == "" {
		ctx.Reply(functions.Int64.Of(total))
	}
	if p.Append {
		in.list.Append(ctx, p.From)
	}
}

func (in *interpreter) send(ctx functions.Context, p *Program) {
	if p.Emit {
		ctx.Send(functions.Egress(Egress), functions.String.Of(p.ID))
	}
	if p.Async {
		in.work.Start(ctx, "meta", func(context.Context) (string, error) { return "done", nil })
	}
	for _, c := range p.Send {
		n, _ := in.sent.Get(ctx, c.ID)
		in.sent.Set(ctx, c.ID, n+1)
		numbered := *c
		numbered.N = int(n + 1)
		ctx.Send(Type.At(c.ID), in.message.Of(&numbered))
	}
}

// schedule sends what is delayed. Delays overtake: these messages are unordered.
func (in *interpreter) schedule(ctx functions.Context, p *Program) {
	for _, c := range p.After {
		ctx.SendAfter(time.Duration(p.DelayMS)*time.Millisecond, Type.At(c.ID), in.message.Of(c))
	}
	if p.Never != nil {
		ctx.SendAfter(0, Type.At(p.Never.ID), in.message.Of(p.Never), functions.CancelToken("never"))
		ctx.Cancel("never")
	}
	if p.Cancel != nil {
		ctx.SendAfter(time.Hour, Type.At(p.Cancel.ID), in.message.Of(p.Cancel), functions.CancelToken(p.Token))
	}
	if p.Revoke != "" {
		ctx.Cancel(p.Revoke)
	}
}

// fail makes the first attempts fail, when everything else was done.
func (in *interpreter) fail(p *Program) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	key := fmt.Sprintf("%s/%s/%d/%d", p.ID, p.From, p.N, p.Add)
	if in.tried[key] >= p.Fail {
		return nil
	}
	if in.tried[key]++; in.tried[key] == 1 {
		panic("planned")
	}
	return errors.New("planned")
}

// Encode returns the message that carries the program, of type MessageType.
func (p *Program) Encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// Diff says how two worlds differ, "" if they do not.
func (w *World) Diff(o *World) string {
	var out []string
	for id := range w.Sum {
		if w.Sum[id] != o.Sum[id] || w.Async[id] != o.Async[id] || w.List[id] != o.List[id] || w.Emitted[id] != o.Emitted[id] {
			out = append(out, fmt.Sprintf("%s: want sum %d async %d list %d emitted %d, got %d %d %d %d", id,
				w.Sum[id], w.Async[id], w.List[id], w.Emitted[id], o.Sum[id], o.Async[id], o.List[id], o.Emitted[id]))
		}
	}
	return strings.Join(out, "\n")
}
