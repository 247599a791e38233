// Command greeter serves the functions of examples/greeter with StateFun's SDK for Go;
// the Go there is with this project's package functions/remote.
package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
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

var (
	personType  = statefun.TypeNameFrom("example/person")
	greeterType = statefun.TypeNameFrom("example/greeter")
	playground  = statefun.TypeNameFrom("io.statefun.playground/egress")

	visitType    = statefun.MakeJsonType(statefun.TypeNameFrom("example/Visit"))
	personalType = statefun.MakeJsonType(statefun.TypeNameFrom("example/Personal"))
	recordType   = statefun.MakeJsonType(statefun.TypeNameFrom("io.statefun.playground/EgressRecord"))

	visits = statefun.ValueSpec{Name: "visits", ValueType: statefun.Int32Type}
)

func main() {
	if err := serve(net.JoinHostPort("127.0.0.1", cmp.Or(os.Getenv("PORT"), "8000"))); err != nil {
		fmt.Fprintln(os.Stderr, "greeter:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	functions := statefun.StatefulFunctionsBuilder()
	for _, spec := range []statefun.StatefulFunctionSpec{
		{FunctionType: personType, States: []statefun.ValueSpec{visits}, Function: statefun.StatefulFunctionPointer(person)},
		{FunctionType: greeterType, Function: statefun.StatefulFunctionPointer(greeter)},
	} {
		if err := functions.WithSpec(spec); err != nil {
			return err
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("serving example/person and example/greeter at http://" + address + "/statefun")
	return http.Serve(l, functions.AsHandler())
}

func person(ctx statefun.Context, message statefun.Message) error {
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

func greeter(ctx statefun.Context, message statefun.Message) error {
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
	return fmt.Sprintf("Visit number %d, %s!", p.Visits, p.Name)
}
