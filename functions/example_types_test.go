package functions_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

func ExampleJSON() {
	type Transaction struct {
		Account string             `json:"account"`
		Cents   int64              `json:"cents"`
		ReplyTo *functions.Address `json:"replyTo,omitempty"`
	}
	transaction := functions.JSON[Transaction]("fraud/Transaction")

	bank := functions.TypeName("fraud/bank").At("n26")
	fmt.Println(transaction.Of(Transaction{"alice", 4200, &bank}))
	// Output:
	// fraud/Transaction "{\"account\":\"alice\",\"cents\":4200,\"replyTo\":\"fraud/bank/n26\"}"
}

func ExampleProto() {
	timeout := functions.Proto[*durationpb.Duration]()
	fmt.Println(timeout.Of(durationpb.New(time.Minute)))
	// Output:
	// type.googleapis.com/google.protobuf.Duration "\b<"
}

func ExampleNewType() {
	instant := functions.NewType("example/Instant",
		func(t time.Time) ([]byte, error) { return binary.BigEndian.AppendUint64(nil, uint64(t.Unix())), nil },
		func(b []byte) (time.Time, error) {
			if len(b) != 8 {
				return time.Time{}, fmt.Errorf("%d bytes, expected 8", len(b))
			}
			return time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(), nil
		})

	m := instant.Of(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
	t, err := instant.From(m)
	fmt.Println(t, err)

	_, err = instant.Decode([]byte("noon"))
	fmt.Println(err)
	// Output:
	// 2024-02-29 12:00:00 +0000 UTC <nil>
	// functions: decode example/Instant: 4 bytes, expected 8
}

// A function that passes on whatever it gets.
func ExampleOnAny() {
	const shards = functions.TypeName("example/shard")
	router := functions.Function{
		Type: "example/router",
		Handlers: []functions.Handler{functions.OnAny(func(ctx functions.Context, m functions.Message) error {
			ctx.Send(shards.At(ctx.Self().ID), m)
			return nil
		})},
	}
	eff := functionstest.New(nil, router).Invoke("7", functions.Bool.Of(true))
	fmt.Println(eff.Sent[0].To, eff.Sent[0].Message)
	// Output:
	// example/shard/7 io.statefun.types/bool "\b\x01"
}

func ExamplePermanent() {
	errNegative := errors.New("negative amount")
	account := functions.Function{
		Type: "example/account",
		Handlers: []functions.Handler{functions.On(functions.Int64, func(_ functions.Context, cents int64) error {
			if cents < 0 {
				return functions.Permanent(errNegative) // no use in trying again
			}
			return nil
		})},
	}
	err := functionstest.New(nil, account).MustFail("alice", functions.Int64.Of(-1))
	fmt.Println(err, errors.Is(err, errNegative), errors.Is(err, functions.ErrPermanent))
	// Output:
	// negative amount true true
}
