package file

import (
	"encoding/base64"
	"strconv"

	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence"
)

// appendLine appends a record as a line. The same record is always the same
// line.
func appendLine(b []byte, r *persistence.EgressRecord, types *jsonview.Types) []byte {
	b = append(b, `{"sequence":`...)
	b = strconv.AppendUint(b, uint64(r.Sequence), 10)
	b = append(b, `,"key":`...)
	b = jsonview.AppendString(b, r.Key)
	b = append(b, `,"type":`...)
	b = jsonview.AppendString(b, string(r.Type))
	b = append(b, ',')
	b = appendValue(b, r, types)
	return append(b, '}', '\n')
}

func appendValue(b []byte, r *persistence.EgressRecord, types *jsonview.Types) []byte {
	shown, ok := types.Append(append(b, `"value":`...), r.Type, r.Value)
	if ok {
		return shown
	}
	b = append(b, `"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, r.Value)
	return append(b, '"')
}
