package remote

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
	"github.com/statefun-go/statefun/functions/protocol"
)

// One function, run in process by functionstest's kit and over HTTP by a runtime
// that speaks the protocol, has to do the same.

// op is one thing that the function under test does, in the order of its message.
type op struct {
	Do    string        `json:"do"`
	Key   string        `json:"key,omitempty"` // a state, an id, a token
	N     int64         `json:"n,omitempty"`
	Delay time.Duration `json:"delay,omitempty"`
	Ops   []op          `json:"ops,omitempty"` // what the message that is sent says
}

const obedientType functions.TypeName = "example/obedient"

var (
	opsType   = functions.JSON[[]op]("example/Ops")
	plain     = functions.Value("plain", functions.Long)
	written   = functions.Value("written", functions.String).ExpireAfterWrite(time.Minute)
	invoked   = functions.Value("invoked", functions.Long).ExpireAfterInvoke(time.Hour)
	extra     = functions.Value("extra", functions.Long)
	twin      = functions.Value("plain", functions.Long)
	clashing  = functions.Value("plain", functions.String)
	forgotten = functions.Value("forgotten", functions.Long)
)

// obedient does what its messages say.
var obedient = functions.Function{
	Type:     obedientType,
	States:   []functions.State{plain, written, invoked},
	Handlers: []functions.Handler{functions.On(opsType, obey)},
}

var errPlanned = errors.New("planned")

func obey(ctx functions.Context, ops []op) error {
	for _, o := range ops {
		if err := obeyOne(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func obeyOne(ctx functions.Context, o op) error {
	switch o.Do {
	case "set":
		plain.Set(ctx, o.N)
	case "add":
		plain.Update(ctx, func(v int64) int64 { return v + o.N })
		invoked.Update(ctx, func(v int64) int64 { return v + o.N })
	case "twin": // another handle on the same state
		twin.Update(ctx, func(v int64) int64 { return v + o.N })
	case "write":
		written.Set(ctx, o.Key)
	case "clear":
		plain.Clear(ctx)
		written.Clear(ctx)
	case "register":
		if err := ctx.Register(extra); err != nil {
			return err
		}
		extra.Update(ctx, func(v int64) int64 { return v + 1 })
	case "clash":
		return ctx.Register(clashing)
	case "undeclared":
		forgotten.Set(ctx, 1)
	case "show": // what is seen of state, self and caller
		p, hasPlain := plain.Get(ctx)
		w, hasWritten := written.Get(ctx)
		i, hasInvoked := invoked.Get(ctx)
		caller, hasCaller := ctx.Caller()
		seen := fmt.Sprintln(ctx.Self(), caller, hasCaller, p, hasPlain, w, hasWritten, i, hasInvoked)
		ctx.Send(functions.Egress("example/seen"), functions.String.Of(seen))
	case "send":
		ctx.Send(obedientType.At(o.Key), opsType.Of(o.Ops))
	case "elsewhere":
		ctx.Send(functions.TypeName("example/other").At(o.Key), functions.Bool.Of(false))
	case "later":
		ctx.SendAfter(o.Delay, obedientType.At(o.Key), opsType.Of(o.Ops))
	case "token":
		ctx.SendAfter(o.Delay, obedientType.At("of "+o.Key), opsType.Of(o.Ops), functions.CancelToken(o.Key))
	case "cancel":
		ctx.Cancel(o.Key)
	case "reply":
		ctx.Reply(functions.Long.Of(o.N))
	case "zeroes":
		ctx.Send(functions.Egress("example/seen"), functions.Long.Of(0))
		ctx.Send(obedientType.At(""), opsType.Of(nil))
	case "kafka":
		ctx.Send(functions.Egress("example/kafka"), protocol.KafkaRecord.Of(protocol.KafkaProducerRecord{
			Key: o.Key, Topic: "topic", Value: []byte{0, 1, 255},
		}))
	case "kinesis":
		ctx.Send(functions.Egress("example/kinesis"), protocol.KinesisRecord.Of(protocol.KinesisEgressRecord{
			PartitionKey: o.Key, Stream: "stream", Value: []byte{0, 1, 255}, ExplicitHashKey: "7",
		}))
	case "negative":
		ctx.SendAfter(-1, ctx.Self(), opsType.Of(nil))
	case "nobody":
		ctx.Send(functions.Address{}, opsType.Of(nil))
	case "fail":
		return errPlanned
	case "give up":
		return functions.Permanent(errPlanned)
	case "panic":
		panic(errPlanned)
	}
	return nil
}

// both runs the function both ways.
type both struct {
	t       *testing.T
	kit     *functionstest.Kit
	runtime *runtime
}

// kitT lets a kit's failures be caught.
type kitT struct{ *testing.T }

func (kitT) Fatalf(format string, args ...any) { panic(kitFailure(fmt.Sprintf(format, args...))) }

type kitFailure string

func newBoth(t *testing.T, fn functions.Function) *both {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	h, err := NewHandler(Options{Logger: quiet}, fn)
	if err != nil {
		t.Fatal(err)
	}
	return &both{t, functionstest.New(kitT{t}, fn, functionstest.Logger(quiet)), newRuntime(t, h, fn.Type)}
}

// send delivers messages to an id: one by one in process, in one request remotely.
// It returns how many failed.
func (b *both) send(id string, caller functions.Address, messages ...functions.Message) (failed int) {
	b.t.Helper()
	before := b.kit.Effects()
	var batch []delivery
	for _, m := range messages {
		if b.fails(id, caller, m) {
			failed++
		}
		batch = append(batch, delivery{from: caller, message: m})
	}
	got, failures := b.runtime.deliver(id, batch)
	if len(failures) != failed {
		b.t.Fatalf("%s: %d invocations failed in process, remotely %v", id, failed, failures)
	}
	b.same(since(before, b.kit.Effects()), got)
	return failed
}

// fails runs a message in process, and reports whether it failed.
func (b *both) fails(id string, caller functions.Address, m functions.Message) (failed bool) {
	defer func() {
		if p := recover(); p != nil {
			_ = p.(kitFailure)
			failed = true
		}
	}()
	b.kit.Invoke(id, m, functionstest.Caller(caller))
	return false
}

func (b *both) advance(d time.Duration) {
	b.t.Helper()
	b.same(b.kit.Advance(d), b.runtime.advance(d))
}

func (b *both) same(want, got functionstest.Effects) {
	b.t.Helper()
	if w, g := show(want), show(got); w != g {
		b.t.Fatalf("in process\n%s\nremotely\n%s", w, g)
	}
	for _, id := range []string{"a", "b", "", "of t", "of u"} {
		k, r := states(b.kit.At(id)), states(b.runtime.at(id))
		if k != r {
			b.t.Fatalf("states of %q: %s in process, %s remotely", id, k, r)
		}
	}
}

func states(ctx functions.Context) string {
	p, hasPlain := plain.Get(ctx)
	w, hasWritten := written.Get(ctx)
	i, hasInvoked := invoked.Get(ctx)
	return fmt.Sprint(p, hasPlain, w, hasWritten, i, hasInvoked)
}

func show(e functionstest.Effects) string {
	return fmt.Sprintf("sent %v\negress %v\ndelayed %v\ncancelled %q", e.Sent, e.Egress, e.Delayed, e.Cancelled)
}

func since(before, after functionstest.Effects) functionstest.Effects {
	return functionstest.Effects{
		Sent: after.Sent[len(before.Sent):], Egress: after.Egress[len(before.Egress):],
		Delayed: after.Delayed[len(before.Delayed):], Cancelled: after.Cancelled[len(before.Cancelled):],
	}
}

func TestSameInProcessAndRemotely(t *testing.T) {
	t.Parallel()
	caller := functions.TypeName("example/caller").At("c")
	long, all := 100*24*time.Hour, op{Do: "show"}
	for name, batches := range map[string][][]op{
		"state":                         {{{Do: "set", N: 3}, all}, {{Do: "add", N: 4}, all}, {{Do: "clear"}, all}, {{Do: "set"}, all}},
		"set and cleared":               {{{Do: "set", N: 3}, {Do: "clear"}, all}, {all}},
		"cleared and set":               {{{Do: "set", N: 3}}, {{Do: "clear"}, {Do: "set", N: 1}, all}},
		"two handles":                   {{{Do: "set", N: 3}, {Do: "twin", N: 1}, all}},
		"messages in their order":       {{{Do: "send", Key: "b"}, {Do: "elsewhere", Key: "x"}, {Do: "send", Key: "b", Ops: []op{{Do: "add", N: 1}}}}},
		"reply":                         {{{Do: "reply", N: 7}}},
		"delayed":                       {{{Do: "later", Key: "b", Delay: time.Minute, Ops: []op{{Do: "add", N: 1}}}, {Do: "later", Key: "b", Ops: []op{{Do: "add", N: 2}}}}},
		"delayed to another type":       {{{Do: "token", Key: "t", Delay: time.Second}}},
		"cancelled":                     {{{Do: "token", Key: "t", Delay: time.Hour}}, {{Do: "cancel", Key: "t"}}},
		"cancelled at once":             {{{Do: "token", Key: "t", Delay: time.Hour}, {Do: "cancel", Key: "t"}, {Do: "token", Key: "t", Delay: time.Second}}},
		"cancelled, unknown":            {{{Do: "cancel", Key: "nothing"}}},
		"a token twice":                 {{{Do: "token", Key: "t", Delay: long}, {Do: "set", N: 1}}, {{Do: "set", N: 2}, {Do: "token", Key: "t", Delay: long}}},
		"values of no bytes":            {{{Do: "zeroes"}}},
		"registered":                    {{{Do: "register"}}, {{Do: "register"}, all}},
		"registered, with another type": {{{Do: "set", N: 1}, {Do: "clash"}}},
		"undeclared":                    {{{Do: "set", N: 1}, {Do: "undeclared"}}},
		"negative delay":                {{{Do: "negative"}}},
		"no target":                     {{{Do: "nobody"}}},
		"an error leaves nothing":       {{{Do: "set", N: 1}}, {{Do: "set", N: 2}, {Do: "send", Key: "b"}, all, {Do: "later", Key: "b"}, {Do: "fail"}}, {all}},
		"a panic leaves nothing":        {{{Do: "set", N: 2}, {Do: "panic"}}, {all}},
		"a permanent error":             {{{Do: "set", N: 2}, {Do: "give up"}}, {all}},
		"expires after write":           {{{Do: "write", Key: "w"}, all}, {{Do: "later", Key: "a", Delay: 59 * time.Second, Ops: []op{all}}, {Do: "later", Key: "a", Delay: 60 * time.Second, Ops: []op{all}}}},
		"expires after invoke":          {{{Do: "add", N: 1}}, {{Do: "later", Key: "a", Delay: 59 * time.Minute, Ops: []op{all}}, {Do: "later", Key: "a", Delay: 100 * time.Minute, Ops: []op{all}}, {Do: "later", Key: "a", Delay: 160 * time.Minute, Ops: []op{all}}}},
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/together=%t", name, together), func(t *testing.T) {
				t.Parallel()
				b := newBoth(t, obedient)
				var messages []functions.Message
				for _, ops := range batches {
					messages = append(messages, opsType.Of(ops))
				}
				if together {
					b.send("a", caller, messages...)
				} else {
					for _, m := range messages {
						b.send("a", caller, m)
					}
				}
				b.advance(4 * time.Hour)
			})
		}
	}
}

// A message from an ingress has no caller, so there is nobody to reply to.
func TestWithoutCaller(t *testing.T) {
	t.Parallel()
	b := newBoth(t, obedient)
	if b.send("a", functions.Address{}, opsType.Of([]op{{Do: "show"}})) != 0 {
		t.Error("a message without a caller failed")
	}
	if b.send("a", functions.Address{}, opsType.Of([]op{{Do: "reply"}})) != 1 {
		t.Error("a reply to nobody did not fail")
	}
}

func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	b := newBoth(t, obedient)
	bad := functions.Message{Type: opsType.Name(), Value: []byte("{")}
	if b.send("a", functions.Address{}, bad, functions.Bool.Of(true), opsType.Of([]op{{Do: "show"}})) != 2 {
		t.Error("neither a malformed nor an unknown message is a failure")
	}
}

// Random programs, in random batches.
func TestRandomProgramsAreTheSame(t *testing.T) {
	t.Parallel()
	runs := 300
	if testing.Short() {
		runs = 50
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			b := newBoth(t, obedient)
			for range 20 {
				var messages []functions.Message
				for range 1 + rng.IntN(4) {
					messages = append(messages, opsType.Of(drawOps(rng, programs, 1+rng.IntN(4), 2, true)))
				}
				b.send([]string{"a", "b", ""}[rng.IntN(3)], functions.TypeName("example/caller").At("c"), messages...)
				b.advance(time.Duration(rng.IntN(100)) * time.Minute)
			}
		})
	}
}

// vocabulary is what random programs are drawn from.
type vocabulary struct {
	local   []string // what ends here
	sending []string // what is sent on
	failing []string // what may fail, and so must not be sent on
}

var programs = vocabulary{
	local:   []string{"set", "add", "write", "clear", "register", "show", "twin", "elsewhere", "cancel", "zeroes", "kafka", "kinesis"},
	sending: []string{"send", "later"},
	failing: []string{"token", "reply", "fail", "give up", "panic"},
}

// drawOps draws a program, which ends after a while.
func drawOps(rng *rand.Rand, v vocabulary, n, depth int, mayFail bool) (ops []op) {
	names := v.local
	if depth > 0 {
		names = slices.Concat(names, v.sending)
	}
	if mayFail {
		names = slices.Concat(names, v.failing)
	}
	for range n {
		o := op{
			Do: names[rng.IntN(len(names))], Key: []string{"a", "b", "t", "u"}[rng.IntN(4)],
			N: rng.Int64N(3), Delay: time.Duration(rng.IntN(3)) * 30 * time.Minute,
		}
		if o.Do == "send" || o.Do == "later" || o.Do == "token" {
			o.Ops = drawOps(rng, v, rng.IntN(3), max(0, depth-1), false)
		}
		ops = append(ops, o)
	}
	return ops
}
