package playground

import (
	"encoding/json"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// RecordType is the type of the records that the egress takes.
const RecordType functions.TypeName = "io.statefun.playground/EgressRecord"

// record is what a value of RecordType says, in JSON.
type record struct {
	Topic   string
	Payload string
}

// parseRecord reads what a function sent to the egress.
func parseRecord(t functions.TypeName, value []byte) (record, error) {
	if t != RecordType {
		return record{}, fmt.Errorf("expected a record of type %s, found %s", RecordType, t)
	}
	var r struct {
		Topic   *string `json:"topic"`
		Payload *string `json:"payload"`
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return record{}, fmt.Errorf(`expected {"topic": "…", "payload": "…"}: %w`, err)
	}
	if r.Topic == nil || r.Payload == nil {
		return record{}, fmt.Errorf(`expected {"topic": "…", "payload": "…"}, found topic: %t, payload: %t`, r.Topic != nil, r.Payload != nil)
	}
	return record{*r.Topic, *r.Payload}, nil
}
