package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/functions/protocol"
	sdk "github.com/statefun-go/statefun/functions/remote"
	"github.com/statefun-go/statefun/persistence/environment"
)

// The random programs on functions that are elsewhere: behind a Caller that takes its time, loses
// requests and answers, and says no at random.

// remotePrograms runs programs as a server of functions does: it knows nothing of what it has
// done before but from the states that come with a request.
type remotePrograms struct {
	book    *programs.Book
	broken  func(error)
	message functions.Type[*programs.Program]

	sum, emits *functions.ValueState[int64]
	sent, got  *functions.ValueState[map[string]int64]
}

func newRemotePrograms(book *programs.Book, broken func(error)) *remotePrograms {
	encode := func(p *programs.Program) ([]byte, error) { return book.Encode(p), nil }
	counts := functions.JSON[map[string]int64]("sim/counts")
	return &remotePrograms{
		book: book, broken: broken, message: functions.NewType(programs.MessageType, encode, book.Decode),
		sum: functions.Value("sum", functions.Int64), emits: functions.Value("emits", functions.Int64),
		sent: functions.Value("sent", counts), got: functions.Value("got", counts),
	}
}

func (r *remotePrograms) functions() (out []functions.Function) {
	for _, t := range []functions.TypeName{programs.Type, programs.BlockingType} {
		out = append(out, functions.Function{
			Type: t, States: []functions.State{r.sum, r.emits, r.sent, r.got},
			Handlers: []functions.Handler{functions.On(r.message, r.handle)},
		})
	}
	return out
}

// handle does what a program says, and checks the order of its sender's messages.
func (r *remotePrograms) handle(ctx functions.Context, p *programs.Program) error {
	if p.N > 0 {
		got, _ := r.got.Get(ctx)
		if got == nil {
			got = map[string]int64{}
		}
		if int64(p.N) != got[p.From]+1 {
			r.broken(errors.New(ctx.Self().String() + ": a message from " + p.From + " is missing, doubled or early"))
		}
		got[p.From] = int64(p.N)
		r.got.Set(ctx, got)
	}
	total := r.sum.Update(ctx, func(v int64) int64 { return v + p.Add })
	if _, ok := ctx.Caller(); ok && p.From == "" {
		ctx.Reply(functions.Int64.Of(total))
	}
	if p.Emit {
		n := r.emits.Update(ctx, func(v int64) int64 { return v + 1 })
		ctx.Send(functions.Egress(programs.Egress), functions.String.Of(fmt.Sprintf("%s/%d", p.ID, n)))
	}
	r.send(ctx, p)
	return r.fail(p)
}

func (r *remotePrograms) send(ctx functions.Context, p *programs.Program) {
	sent, _ := r.sent.Get(ctx)
	if sent == nil {
		sent = map[string]int64{}
	}
	for _, c := range p.Send {
		sent[c.ID]++
		numbered := *c
		numbered.N = int(sent[c.ID])
		ctx.Send(programs.Address(c.ID), r.message.Of(&numbered))
	}
	r.sent.Set(ctx, sent)
	for _, c := range p.After {
		ctx.SendAfter(time.Duration(p.DelayMS)*time.Millisecond, programs.Address(c.ID), r.message.Of(c))
	}
	if p.Never != nil {
		ctx.SendAfter(0, programs.Address(p.Never.ID), r.message.Of(p.Never), functions.CancelToken("never"))
		ctx.Cancel("never")
	}
	if p.Cancel != nil {
		ctx.SendAfter(20*365*24*time.Hour, programs.Address(p.Cancel.ID), r.message.Of(p.Cancel), functions.CancelToken(p.Token))
	}
	if p.Revoke != "" {
		ctx.Cancel(p.Revoke)
	}
}

// fail fails a doomed program for good, after all its effects.
func (r *remotePrograms) fail(p *programs.Program) error {
	if p.Doom != programs.NoDoom && !r.book.Healed(p.U) {
		return functions.Permanent(errors.New("planned"))
	}
	return nil
}

// unreliable is the Caller between the node and the programs.
type unreliable struct {
	s       *simulation
	process *environment.Process
	handler *sdk.Handler
}

func newUnreliable(s *simulation, p *environment.Process) *unreliable {
	r := newRemotePrograms(s.book, func(err error) { s.broken = append(s.broken, err) })
	h, err := sdk.NewHandler(sdk.Options{Logger: slog.New(slog.DiscardHandler)}, r.functions()...)
	s.must(err)
	return &unreliable{s: s, process: p, handler: h}
}

// What may happen to a request; nothing else does.
const (
	notSent = iota
	requestLost
	refused
	answerLost
	answerGarbled
	troubles
)

// Call implements Caller.
func (u *unreliable) Call(_ context.Context, _ functions.TypeName, request []byte) ([]byte, error) {
	s := u.s
	if s.rng.IntN(3) == 0 {
		u.process.Sleep(time.Duration(s.rng.IntN(20_000)) * time.Microsecond)
	}
	u.checkDurable(request)
	trouble := troubles
	if s.rng.IntN(100) < s.trouble {
		trouble = s.rng.IntN(troubles)
	}
	switch trouble {
	case notSent:
		return nil, errRefused
	case requestLost:
		u.process.Sleep(time.Duration(s.rng.IntN(500)) * time.Millisecond)
		return nil, errHangs
	case refused:
		return nil, errSaysNo
	}
	answer := httptest.NewRecorder()
	u.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(request)))
	switch {
	case answer.Code != http.StatusOK:
		return nil, u.failure(answer.Header())
	case trouble == answerLost:
		u.process.Sleep(time.Duration(s.rng.IntN(500)) * time.Millisecond)
		return nil, errHangs
	case trouble == answerGarbled:
		return []byte{0xff}, nil
	}
	return answer.Body.Bytes(), nil
}

// failure says no as servers do: with and without a word on which message it was.
func (u *unreliable) failure(h http.Header) error {
	f := &CallError{Err: errors.New("status 500")}
	if h.Get(protocol.HeaderPermanent) == "true" {
		f.Err = functions.Permanent(f.Err)
	}
	if i, err := strconv.Atoi(h.Get(protocol.HeaderFailedInvocation)); err == nil && u.s.rng.IntN(2) == 0 {
		f.Invocation = i + 1
	}
	return f
}

// checkDurable: law 2. What a request shows of its address is durable, and the latest.
func (u *unreliable) checkDurable(request []byte) {
	s := u.s
	var in protocol.ToFunction
	s.must(new(protocol.Decoder).ToFunction(request, &in))
	b := &in.Invocation
	if s.process != u.process || len(b.Invocations) == 0 {
		return
	}
	sum := int64(0)
	for i := range b.State {
		if v := &b.State[i]; v.StateName == "sum" && v.StateValue.Present {
			var err error
			sum, err = functions.Int64.Decode(v.StateValue.Value)
			s.must(err)
		}
	}
	if durable := s.observe(b.Target.ID).Sum[b.Target.ID]; durable != sum {
		s.broken = append(s.broken, fmt.Errorf("%s is shown the sum %d, durable is %d", b.Target, sum, durable))
	}
}

// forRemote leaves of a program what functions elsewhere can do.
func forRemote(p *programs.Program) {
	p.Append, p.Async, p.Touch, p.PauseMS, p.Exit, p.Fail = false, false, 0, 0, false, 0
	for _, c := range slices.Concat(p.Send, p.After) {
		forRemote(c)
	}
	for _, c := range []*programs.Program{p.Never, p.Cancel} {
		if c != nil {
			forRemote(c)
		}
	}
}

// checkRemoteCausality: in every prefix of the journal, nobody has received more than
// was sent.
func (s *simulation) checkRemoteCausality(id string) {
	for from, n := range s.counts(id, "got") {
		sent := int64(s.source.sent[id])
		if from != "source" {
			sent = s.counts(from, "sent")[id]
		}
		if n > sent {
			s.fail("%s has got %d messages from %s, which has sent %d", id, n, from, sent)
		}
	}
}

func (s *simulation) counts(id, name string) (out map[string]int64) {
	for _, e := range s.entries(id, name) {
		s.must(json.Unmarshal(e.Value, &out))
	}
	return out
}
