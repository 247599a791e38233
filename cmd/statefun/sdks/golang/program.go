package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
)

var (
	programType = statefun.MakeJsonType(statefun.TypeNameFrom("sdks/program"))
	outEgress   = statefun.TypeNameFrom("sdks/out")
)

// program is what a message asks for.
type program struct {
	From string      `json:"from,omitempty"`
	N    int         `json:"n,omitempty"`
	Ops  []operation `json:"ops"`
}

type operation struct {
	Op      string   `json:"op"`
	State   string   `json:"state,omitempty"`
	Else    string   `json:"else,omitempty"`
	Value   int32    `json:"value,omitempty"`
	To      string   `json:"to,omitempty"`
	ID      string   `json:"id,omitempty"`
	Program *program `json:"program,omitempty"`
	DelayMS int      `json:"delay,omitempty"`
	Token   string   `json:"token,omitempty"`
	Text    string   `json:"text,omitempty"`
	Key     string   `json:"key,omitempty"`
	Times   int      `json:"times,omitempty"`
}

// interpreter is the function program.
type interpreter struct {
	states states

	mu    sync.Mutex
	tried map[string]int
}

func bindProgram(functions statefun.StatefulFunctions, namespace string, s states) error {
	return functions.WithSpec(statefun.StatefulFunctionSpec{
		FunctionType: statefun.TypeNameFrom(namespace + "/program"), States: s.all(),
		Function: &interpreter{states: s, tried: map[string]int{}},
	})
}

// Invoke implements statefun.StatefulFunction.
func (in *interpreter) Invoke(ctx statefun.Context, message statefun.Message) error {
	var p program
	if err := message.As(programType, &p); err != nil {
		return err
	}
	if p.N > 0 {
		if last := in.count(ctx, "got", p.From); last != p.N {
			return fmt.Errorf("message %d from %s, expected %d", p.N, p.From, last)
		}
	}
	for i := range p.Ops {
		if err := in.do(ctx, &p.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

func (in *interpreter) do(ctx statefun.Context, o *operation) error {
	switch o.Op {
	case "add":
		spec, ok := in.states[o.State]
		if !ok {
			spec = in.states[o.Else]
		}
		var n int32
		ctx.Storage().Get(spec, &n)
		ctx.Storage().Set(spec, n+o.Value)
	case "set":
		ctx.Storage().Set(in.states[o.State], o.Value)
	case "clear":
		ctx.Storage().Remove(in.states[o.State])
	case "reply":
		in.reply(ctx, o)
	case "send":
		o.Program.From = name(ctx.Self())
		o.Program.N = in.count(ctx, "sent", o.To+"/"+o.ID)
		ctx.Send(o.message())
	case "after":
		return o.after(ctx)
	case "cancel":
		token, err := statefun.NewCancellationToken(o.Token)
		if err == nil {
			ctx.CancelDelayedMessage(token)
		}
		return err
	case "emit":
		ctx.SendEgress(statefun.GenericEgressBuilder{Target: outEgress, Value: o.Text, ValueType: statefun.StringType})
	case "sleep":
		<-time.After(time.Duration(o.DelayMS) * time.Millisecond)
	case "fail":
		return in.fail(o)
	default:
		return fmt.Errorf("unknown operation %q", o.Op)
	}
	return nil
}

// count counts a key of a state of counts up.
func (in *interpreter) count(ctx statefun.Context, state, key string) int {
	counts := map[string]int{}
	ctx.Storage().Get(in.states[state], &counts)
	counts[key]++
	ctx.Storage().Set(in.states[state], counts)
	return counts[key]
}

func (in *interpreter) reply(ctx statefun.Context, o *operation) {
	text, n := "absent", int32(0)
	if ctx.Storage().Get(in.states[o.State], &n) {
		text = strconv.Itoa(int(n))
	}
	ctx.Send(statefun.MessageBuilder{Target: *ctx.Caller(), Value: text, ValueType: statefun.StringType})
}

func (o *operation) message() statefun.MessageBuilder {
	return statefun.MessageBuilder{
		Target: statefun.Address{FunctionType: statefun.TypeNameFrom(o.To), Id: o.ID},
		Value:  o.Program, ValueType: programType,
	}
}

func (o *operation) after(ctx statefun.Context) error {
	delay := time.Duration(o.DelayMS) * time.Millisecond
	if o.Token == "" {
		ctx.SendAfter(delay, o.message())
		return nil
	}
	token, err := statefun.NewCancellationToken(o.Token)
	if err == nil {
		ctx.SendAfterWithCancellationToken(delay, token, o.message())
	}
	return err
}

func (in *interpreter) fail(o *operation) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tried[o.Key]++
	if in.tried[o.Key] <= o.Times {
		return fmt.Errorf("planned failure %d of %s", in.tried[o.Key], o.Key)
	}
	return nil
}

func name(a statefun.Address) string { return a.FunctionType.String() + "/" + a.Id }
