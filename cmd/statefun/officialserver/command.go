package officialserver

import (
	"io"
	"net/http"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
)

// Command serves until its standard input ends. The bench starts it.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:    bench.OfficialServer,
		Short:  "Serve the function that bench remote measures, with StateFun's SDK for Go",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := Handler()
			if err != nil {
				return err
			}
			return hop.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), h)
		},
	}
}

// Handler is the function [hop.Type] with the official SDK.
func Handler() (http.Handler, error) {
	seen := statefun.ValueSpec{Name: hop.State, ValueType: statefun.Int64Type}
	self, ended := statefun.TypeNameFrom(string(hop.Type)), statefun.TypeNameFrom(string(hop.Ended))
	builder := statefun.StatefulFunctionsBuilder()
	err := builder.WithSpec(statefun.StatefulFunctionSpec{
		FunctionType: self, States: []statefun.ValueSpec{seen},
		Function: statefun.StatefulFunctionPointer(func(ctx statefun.Context, m statefun.Message) error {
			var n int64
			ctx.Storage().Get(seen, &n)
			ctx.Storage().Set(seen, n+1)
			s, err := hop.Next(m.RawValue())
			switch {
			case err != nil:
				return err
			case s.To != "":
				ctx.Send(statefun.MessageBuilder{Target: statefun.Address{FunctionType: self, Id: s.To}, Value: s.Message, ValueType: payload{}})
			case s.Ends:
				ctx.SendEgress(statefun.GenericEgressBuilder{Target: ended, Value: s.Message, ValueType: payload{}})
			}
			return nil
		}),
	})
	return builder.AsHandler(), err
}

// payload is hop.Payload.
type payload struct{}

// GetTypeName implements statefun.SimpleType.
func (payload) GetTypeName() statefun.TypeName {
	return statefun.TypeNameFrom(string(hop.Payload.Name()))
}

// Deserialize implements statefun.SimpleType.
func (payload) Deserialize(r io.Reader, receiver any) (err error) {
	if b, ok := receiver.(*[]byte); ok {
		*b, err = io.ReadAll(r)
	}
	return err
}

// Serialize implements statefun.SimpleType.
func (payload) Serialize(w io.Writer, data any) (err error) {
	if b, ok := data.([]byte); ok {
		_, err = w.Write(b)
	}
	return err
}
