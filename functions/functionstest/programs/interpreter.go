package programs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Deadline of the functions, where there is a Machine.
const Deadline = 400 * time.Millisecond

// long is never, in the life of a test whose clock jumps.
const long = 20 * 365 * 24 * time.Hour

// A Machine is what programs with a Book need of the process that they run in.
type Machine struct {
	Book *Book
	// Sleep lets time pass; Exit ends the goroutine.
	Sleep func(time.Duration)
	Exit  func()
	// Now is what the clock shows, in milliseconds since 1970, and Latest the
	// latest that it ever showed, also when it was set back since.
	Now, Latest func() int64
	// Began is told of each attempt, and Broken of what must not be.
	Began  func(p *Program, attempt int)
	Broken func(error)
}

// interpreter runs programs. Its count of attempts is lost with the process,
// like any memory.
type interpreter struct {
	machine *Machine // nil: none

	sum, async *functions.ValueState[int64]
	list       *functions.ListState[string]
	sent       *functions.MapState[int64] // messages to each address so far
	got        *functions.MapState[int64] // number of the last message from each
	emits      *functions.ValueState[int64]
	touched    touched
	message    functions.Type[*Program]
	work       *functions.AsyncOperation[string, string]

	mu    sync.Mutex
	tried map[string]int
}

// Function returns the function that runs programs which carry themselves.
func Function() *functions.Function {
	in := newInterpreter(functions.JSON[*Program](MessageType), nil)
	return in.function(Type)
}

// Functions returns the functions that run the programs of the machine's book.
func Functions(m *Machine) []*functions.Function {
	plain, blocking := newInterpreter(m.Book.message(), m).function(Type), newInterpreter(m.Book.message(), m).function(BlockingType)
	blocking.Blocking = true
	return []*functions.Function{plain, blocking}
}

func newInterpreter(message functions.Type[*Program], m *Machine) *interpreter {
	return &interpreter{
		machine: m,
		sum:     functions.Value("sum", functions.Int64),
		async:   functions.Value("async", functions.Int64),
		list:    functions.List("list", functions.String),
		sent:    functions.Map("sent", functions.Int64),
		got:     functions.Map("got", functions.Int64),
		emits:   functions.Value("emits", functions.Int64),
		touched: newTouched(),
		message: message,
		work:    functions.Async("work", functions.String, functions.String),
		tried:   map[string]int{},
	}
}

func (in *interpreter) function(t functions.TypeName) *functions.Function {
	f := &functions.Function{
		Type: t, States: []functions.State{in.sum, in.async, in.list, in.sent, in.got},
		Handlers: []functions.Handler{functions.On(in.message, in.handle), functions.OnResult(in.work, in.result)},
	}
	if in.machine != nil {
		f.Deadline = Deadline
		f.States = append(f.States, in.emits)
		f.States = append(f.States, in.touched.states()...)
	}
	return f
}

func (in *interpreter) handle(ctx functions.Context, p *Program) error {
	attempt := in.begin(p)
	if p.PauseMS > 0 && attempt == 0 && p.U%2 == 0 {
		in.machine.Sleep(time.Duration(p.PauseMS) * time.Millisecond)
	}
	if err := in.order(ctx, p); err != nil {
		return err
	}
	if err := in.look(ctx, p); err != nil {
		return err
	}
	in.change(ctx, p)
	in.send(ctx, p)
	in.schedule(ctx, p)
	if p.PauseMS > 0 && attempt == 0 && p.U%2 == 1 {
		in.machine.Sleep(time.Duration(p.PauseMS) * time.Millisecond)
	}
	return in.fail(p, attempt)
}

func (in *interpreter) result(ctx functions.Context, r functions.Result[string, string]) error {
	if r.Metadata != "meta" {
		return in.broken(ctx, fmt.Errorf("metadata %q", r.Metadata))
	}
	if err := in.look(ctx, &Program{}); err != nil {
		return err
	}
	in.async.Update(ctx, func(v int64) int64 { return v + 1 })
	return nil
}

// begin counts the attempts in this process.
func (in *interpreter) begin(p *Program) (before int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	key := fmt.Sprintf("%s/%s/%d/%d", p.ID, p.From, p.N, p.Add)
	if in.machine != nil {
		key = fmt.Sprint(p.U)
		in.machine.Began(p, in.tried[key])
	}
	before = in.tried[key]
	in.tried[key]++
	return before
}

// broken is for what must not be, if the invocation was not given up: one that
// was reads nothing any more.
func (in *interpreter) broken(ctx functions.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	err = fmt.Errorf("%s: %w", ctx.Self(), err)
	if in.machine != nil {
		in.machine.Broken(err)
	}
	return functions.Permanent(err)
}

// order checks that no message from the sender is missing, doubled or early.
func (in *interpreter) order(ctx functions.Context, p *Program) error {
	if m := in.machine; m != nil && p.Due > m.Latest() {
		return in.broken(ctx, fmt.Errorf("program %d is due at %d, it is %d", p.U, p.Due, m.Latest()))
	}
	if p.N == 0 {
		return nil
	}
	last, _ := in.got.Get(ctx, p.From)
	if int64(p.N) != last+1 {
		return in.broken(ctx, fmt.Errorf("message %d from %s after %d", p.N, p.From, last))
	}
	in.got.Set(ctx, p.From, int64(p.N))
	return nil
}

// look checks and changes the states that only a machine can judge.
func (in *interpreter) look(ctx functions.Context, p *Program) error {
	if in.machine == nil {
		return nil
	}
	if err := in.touched.touch(ctx, p.Touch, in.machine); err != nil {
		return in.broken(ctx, err)
	}
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
		in.emit(ctx, p)
	}
	if p.Async {
		in.work.Start(ctx, "meta", func(context.Context) (string, error) { return in.background(p) })
	}
	for _, c := range p.Send {
		n, _ := in.sent.Get(ctx, c.ID)
		in.sent.Set(ctx, c.ID, n+1)
		numbered := *c
		numbered.N = int(n + 1)
		ctx.Send(Address(c.ID), in.message.Of(&numbered))
	}
}

// emit numbers the records of an address where that can be checked.
func (in *interpreter) emit(ctx functions.Context, p *Program) {
	record := p.ID
	if in.machine != nil {
		n := in.emits.Update(ctx, func(v int64) int64 { return v + 1 })
		record = fmt.Sprintf("%s/%d", p.ID, n)
	}
	ctx.Send(functions.Egress(Egress), functions.String.Of(record))
}

// background is asynchronous work, which may be slow, fail or end its goroutine.
func (in *interpreter) background(p *Program) (string, error) {
	if in.machine == nil {
		return "done", nil
	}
	switch p.U % 8 {
	case 0, 1:
		in.machine.Sleep(time.Duration(p.U%50) * time.Millisecond)
	case 2:
		in.machine.Exit()
	case 3:
		panic("planned")
	case 4:
		return "", errors.New("planned")
	}
	return "done", nil
}

// schedule sends what is delayed. Delays overtake: these messages are unordered.
func (in *interpreter) schedule(ctx functions.Context, p *Program) {
	for _, c := range p.After {
		delay := time.Duration(p.DelayMS) * time.Millisecond
		due := *c
		if in.machine != nil {
			due.Due = in.machine.Now() + delay.Milliseconds()
		}
		ctx.SendAfter(delay, Address(c.ID), in.message.Of(&due))
	}
	if p.Never != nil {
		ctx.SendAfter(0, Address(p.Never.ID), in.message.Of(p.Never), functions.CancelToken("never"))
		ctx.Cancel("never")
	}
	if p.Cancel != nil {
		ctx.SendAfter(long, Address(p.Cancel.ID), in.message.Of(p.Cancel), functions.CancelToken(p.Token))
	}
	if p.Revoke != "" {
		ctx.Cancel(p.Revoke)
	}
}

// fail makes the first attempts fail, when everything else was done, and doomed
// programs for good.
func (in *interpreter) fail(p *Program, attempt int) error {
	if p.Exit && attempt == 0 {
		in.machine.Exit()
	}
	if p.Doom != NoDoom && !in.machine.Book.healed[p.U] {
		in.machine.Book.failing[p.ID] = true
		return functions.Permanent(errors.New("planned"))
	}
	switch {
	case attempt >= p.Fail:
		return nil
	case attempt == 0:
		panic("planned")
	}
	return errors.New("planned")
}

// now is the time of the invocation, in milliseconds since 1970: the one that
// decides what has expired.
func now(ctx functions.Context) int64 {
	d, _ := ctx.Deadline()
	return d.Add(-Deadline).UnixMilli()
}
