// Command golang serves the function of package sdks with StateFun's SDK for Go.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log" //nolint:depguard // to silence: the SDK logs with it
	"net"
	"net/http"
	"os"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	states := states{}
	namespace := flag.String("namespace", "golang", "`namespace` of the functions")
	port := flag.Int("port", 0, "`port` to listen on")
	flag.Var(states, "state", "a state, `NAME:TYPE[:MODE:MS]`")
	flag.Parse()

	log.SetOutput(io.Discard)
	functions := statefun.StatefulFunctionsBuilder()
	if err := bindProgram(functions, *namespace, states); err != nil {
		return err
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, functions.AsHandler())
}
