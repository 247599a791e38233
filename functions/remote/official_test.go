package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	official "github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"

	"github.com/statefun-go/statefun/functions"
)

// The obedient function once more, with StateFun's official SDK for Go. To a
// runtime, both look the same: each speaks the same protocol with the same runtime.

var (
	officialType    = official.TypeNameFrom(string(obedientType))
	officialPlain   = official.ValueSpec{Name: "plain", ValueType: official.Int64Type}
	officialWritten = official.ValueSpec{Name: "written", ValueType: official.StringType, Expiration: official.ExpireAfterWrite(time.Minute)}
	officialInvoked = official.ValueSpec{Name: "invoked", ValueType: official.Int64Type, Expiration: official.ExpireAfterCall(time.Hour)}
)

// officialOps is the type of the messages, without the new line that the official
// JSON type puts after a value.
type officialOps struct{}

func (officialOps) GetTypeName() official.TypeName {
	return official.TypeNameFrom(string(opsType.Name()))
}

func (officialOps) Deserialize(r io.Reader, receiver any) error {
	return json.NewDecoder(r).Decode(receiver)
}

func (officialOps) Serialize(w io.Writer, data any) error {
	b, err := json.Marshal(data)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

func officialObey(ctx official.Context, m official.Message) error {
	var ops []op
	if err := m.As(officialOps{}, &ops); err != nil {
		return err
	}
	for _, o := range ops {
		if err := officialObeyOne(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func officialObeyOne(ctx official.Context, o op) error {
	state := ctx.Storage()
	seen := official.TypeNameFrom("example/seen")
	to := func(id string) official.MessageBuilder {
		return official.MessageBuilder{Target: official.Address{FunctionType: officialType, Id: id}, Value: o.Ops, ValueType: officialOps{}}
	}
	switch o.Do {
	case "set":
		state.Set(officialPlain, o.N)
	case "add":
		for _, spec := range []official.ValueSpec{officialPlain, officialInvoked} {
			var v int64
			state.Get(spec, &v)
			state.Set(spec, v+o.N)
		}
	case "write":
		state.Set(officialWritten, o.Key)
	case "clear":
		state.Remove(officialPlain)
		state.Remove(officialWritten)
	case "show":
		var p, i int64
		var w string
		hasPlain, hasWritten, hasInvoked := state.Get(officialPlain, &p), state.Get(officialWritten, &w), state.Get(officialInvoked, &i)
		caller, self := "/", ctx.Self()
		if c := ctx.Caller(); c != nil {
			caller = fmt.Sprintf("%s/%s", c.FunctionType, c.Id)
		}
		ctx.SendEgress(official.GenericEgressBuilder{Target: seen, ValueType: official.StringType, Value: fmt.Sprintln(
			fmt.Sprintf("%s/%s", self.FunctionType, self.Id), caller, ctx.Caller() != nil, p, hasPlain, w, hasWritten, i, hasInvoked)})
	case "send":
		ctx.Send(to(o.Key))
	case "elsewhere":
		ctx.Send(official.MessageBuilder{Target: official.Address{FunctionType: official.TypeNameFrom("example/other"), Id: o.Key}, Value: false})
	case "later":
		ctx.SendAfter(o.Delay, to(o.Key))
	case "token", "cancel":
		token, err := official.NewCancellationToken(o.Key)
		if err != nil {
			return err
		}
		if o.Do == "cancel" {
			ctx.CancelDelayedMessage(token)
		} else {
			ctx.SendAfterWithCancellationToken(o.Delay, token, to("of "+o.Key))
		}
	case "reply":
		ctx.Send(official.MessageBuilder{Target: *ctx.Caller(), Value: o.N})
	case "zeroes":
		ctx.SendEgress(official.GenericEgressBuilder{Target: seen, Value: int64(0), ValueType: official.Int64Type})
		ctx.Send(official.MessageBuilder{Target: official.Address{FunctionType: officialType}, Value: []op(nil), ValueType: officialOps{}})
	case "kafka":
		ctx.SendEgress(&official.KafkaEgressBuilder{Target: official.TypeNameFrom("example/kafka"), Topic: "topic", Key: o.Key, Value: []byte{0, 1, 255}})
	case "kinesis":
		ctx.SendEgress(&official.KinesisEgressBuilder{
			Target: official.TypeNameFrom("example/kinesis"), Stream: "stream", PartitionKey: o.Key, Value: []byte{0, 1, 255}, ExplicitHashKey: "7",
		})
	case "fail":
		return errPlanned
	case "panic":
		panic(errPlanned)
	}
	return nil
}

// COMPAT 3, in small: the unmodified SDK and ours, held against each other.
func TestSameAsTheOfficialSDK(t *testing.T) {
	t.Parallel()
	builder := official.StatefulFunctionsBuilder()
	if err := builder.WithSpec(official.StatefulFunctionSpec{
		FunctionType: officialType,
		States:       []official.ValueSpec{officialPlain, officialWritten, officialInvoked},
		Function:     official.StatefulFunctionPointer(officialObey),
	}); err != nil {
		t.Fatal(err)
	}
	theirs, ours := builder.AsHandler(), newHandler(t, quiet, obedient)
	shared := vocabulary{ // without states that are registered at run time
		local:   []string{"set", "add", "write", "clear", "show", "elsewhere", "cancel", "zeroes", "kafka", "kinesis"},
		sending: programs.sending,
		failing: []string{"token", "reply", "fail", "panic"},
	}
	for seed := range uint64(100) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 2))
			a, b := newRuntime(t, theirs, obedientType), newRuntime(t, ours, obedientType)
			for range 20 {
				var batch []delivery
				for range 1 + rng.IntN(4) {
					batch = append(batch, delivery{
						from:    functions.TypeName("example/caller").At("c"),
						message: opsType.Of(drawOps(rng, shared, 1+rng.IntN(4), 2, true)),
					})
				}
				id := []string{"a", "b", ""}[rng.IntN(3)]
				want, failed := a.deliver(id, batch)
				got, failedToo := b.deliver(id, batch)
				if len(failed) != len(failedToo) {
					t.Fatalf("theirs failed with %v, ours with %v", failed, failedToo)
				}
				pause := time.Duration(rng.IntN(100)) * time.Minute
				add(&want, a.advance(pause))
				add(&got, b.advance(pause))
				if w, g := show(want), show(got); w != g {
					t.Fatalf("theirs\n%s\nours\n%s", w, g)
				}
				if w, g := states(a.at(id)), states(b.at(id)); w != g {
					t.Fatalf("states of %q: theirs %s, ours %s", id, w, g)
				}
			}
			if a.handshakes != 1 || b.handshakes != 1 {
				t.Errorf("%d and %d handshakes", a.handshakes, b.handshakes)
			}
		})
	}
}

func TestAnswersAsTheOfficialSDK(t *testing.T) {
	t.Parallel()
	builder := official.StatefulFunctionsBuilder()
	if err := builder.WithSpec(official.StatefulFunctionSpec{
		FunctionType: official.TypeNameFrom("test/fn"),
		Function:     official.StatefulFunctionPointer(func(official.Context, official.Message) error { return nil }),
	}); err != nil {
		t.Fatal(err)
	}
	theirs, ours := builder.AsHandler(), newHandler(t, quiet, doing(nothing))
	good, unknown := request("x"), request("x")
	unknown.Invocation.Target = functions.TypeName("test/other").At("1")
	for _, c := range []struct{ method, contentType, body string }{
		{"POST", "application/octet-stream", string(good.Append(nil))},
		{"POST", "", string(good.Append(nil))},
		{"POST", "text/plain", string(good.Append(nil))},
		{"POST", "application/octet-stream; charset=utf-8", string(good.Append(nil))},
		{"POST", "application/octet-stream", ""},
		{"POST", "application/octet-stream", "hello"},
		{"POST", "application/octet-stream", string(unknown.Append(nil))},
		{"GET", "", ""},
		{"PUT", "application/octet-stream", string(good.Append(nil))},
	} {
		answers := [2]*http.Response{}
		bodies := [2]string{}
		for i, h := range []http.Handler{theirs, ours} {
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/", strings.NewReader(c.body))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			answers[i], bodies[i] = w.Result(), w.Body.String()
		}
		if answers[0].StatusCode != answers[1].StatusCode || answers[0].Header.Get("Content-Type") != answers[1].Header.Get("Content-Type") {
			t.Errorf("%+v: theirs %v, ours %v", c, answers[0], answers[1])
		}
		if answers[0].StatusCode == http.StatusOK && bodies[0] != bodies[1] {
			t.Errorf("%+v: theirs %q, ours %q", c, bodies[0], bodies[1])
		}
	}
}
