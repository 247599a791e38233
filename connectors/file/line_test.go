package file

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

func record(sequence persistence.Sequence, key string, m functions.Message) persistence.EgressRecord {
	return persistence.EgressRecord{Egress: "test/out", Key: key, Type: m.Type, Value: m.Value, Sequence: sequence}
}

func TestLinesAreWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()
	types := jsonview.New(functions.JSON[int]("test/number"))
	raw := functions.Bytes("test/raw")
	for _, c := range []struct {
		r    persistence.EgressRecord
		want string
	}{
		{record(7, "alice", functions.Message{Type: "fraud/alert", Value: []byte("{\"score\":\n 98}")}), `{"sequence":7,"key":"alice","type":"fraud/alert","value":{"score":98}}`},
		{record(8, "", functions.Int64.Of(-1)), `{"sequence":8,"key":"","type":"io.statefun.types/long","value":-1}`},
		{record(9, "a/\"ü\"\n", functions.String.Of("x\ny")), `{"sequence":9,"key":"a/\"ü\"\n","type":"io.statefun.types/string","value":"x\ny"}`},
		{record(10, "k", functions.Message{Type: "test/number", Value: []byte("5")}), `{"sequence":10,"key":"k","type":"test/number","value":5}`},
		{record(11, "k", raw.Of([]byte("5"))), `{"sequence":11,"key":"k","type":"test/raw","base64":"NQ=="}`},
		{record(12, "k", raw.Of(nil)), `{"sequence":12,"key":"k","type":"test/raw","base64":""}`},
		{record(13, "k", raw.Of([]byte("{\"a\":\"\xff\"}"))), `{"sequence":13,"key":"k","type":"test/raw","base64":"eyJhIjoi/yJ9"}`},
		{record(14, "k", functions.Double.Of(math.Inf(1))), `{"sequence":14,"key":"k","type":"io.statefun.types/double","base64":"CQAAAAAAAPB/"}`},
	} {
		if got := string(appendLine(nil, &c.r, types)); got != c.want+"\n" {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
}

func FuzzLineIsOneLineOfJSON(f *testing.F) {
	f.Add(uint64(1), "alice", "fraud/alert", []byte(`{"a": [1, 2]}`))
	f.Add(uint64(math.MaxUint64), "\x00\xff", "io.statefun.types/string", []byte("\n\x01\n"))
	types := jsonview.New()
	f.Fuzz(func(t *testing.T, sequence uint64, key, typ string, value []byte) {
		r := record(persistence.Sequence(sequence), key, functions.Message{Type: functions.TypeName(typ), Value: value})
		line := string(appendLine(nil, &r, types))
		text, ok := strings.CutSuffix(line, "\n")
		if !ok || strings.ContainsAny(text, "\n\r\x00") || !json.Valid([]byte(text)) {
			t.Fatalf("%q is not one line of JSON", line)
		}
	})
}
