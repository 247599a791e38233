package main

import (
	"errors"
	"fmt"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
)

var (
	visitType    = statefun.MakeJsonType(statefun.TypeNameFrom("greeter/visit"))
	personalType = statefun.MakeJsonType(statefun.TypeNameFrom("greeter/personal"))
	recordType   = statefun.MakeJsonType(statefun.TypeNameFrom("io.statefun.playground/EgressRecord"))
	playground   = statefun.TypeNameFrom("io.statefun.playground/egress")
)

type visit struct {
	Name string `json:"name"`
}

type personal struct {
	Name   string `json:"name"`
	Visits int32  `json:"visits"`
}

type record struct {
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
}

func bindGreeter(functions statefun.StatefulFunctions, namespace string) error {
	visits := statefun.ValueSpec{Name: "visits", ValueType: statefun.Int32Type}
	greeterType := statefun.TypeNameFrom(namespace + "/greeter")
	person := func(ctx statefun.Context, message statefun.Message) error {
		var v visit
		if err := message.As(visitType, &v); err != nil {
			return err
		}
		var n int32
		ctx.Storage().Get(visits, &n)
		n++
		ctx.Storage().Set(visits, n)
		ctx.Send(statefun.MessageBuilder{
			Target: statefun.Address{FunctionType: greeterType, Id: v.Name},
			Value:  personal{v.Name, n}, ValueType: personalType,
		})
		return nil
	}
	return errors.Join(
		functions.WithSpec(statefun.StatefulFunctionSpec{
			FunctionType: statefun.TypeNameFrom(namespace + "/person"), States: []statefun.ValueSpec{visits},
			Function: statefun.StatefulFunctionPointer(person),
		}),
		functions.WithSpec(statefun.StatefulFunctionSpec{
			FunctionType: greeterType, Function: statefun.StatefulFunctionPointer(greet),
		}),
	)
}

func greet(ctx statefun.Context, message statefun.Message) error {
	var p personal
	if err := message.As(personalType, &p); err != nil {
		return err
	}
	ctx.SendEgress(statefun.GenericEgressBuilder{
		Target: playground, Value: record{"greetings", greeting(p)}, ValueType: recordType,
	})
	return nil
}

func greeting(p personal) string {
	switch p.Visits {
	case 1:
		return fmt.Sprintf("Welcome, %s!", p.Name)
	case 2:
		return fmt.Sprintf("Nice to see you again, %s!", p.Name)
	}
	return fmt.Sprintf("This is visit %d, %s!", p.Visits, p.Name)
}
