package module_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
)

func TestKafkaIngress(t *testing.T) {
	t.Parallel()
	ingress := func(lines ...string) *module.KafkaIngress {
		m, _ := load(t, kafkaIn(lines...), module.Options{})
		return m.Ingresses[0].(*module.KafkaIngress)
	}
	k := ingress()
	if k.Address != "h" || k.ConsumerGroupID != "g" || k.AutoOffsetReset != module.OffsetLatest || k.StartupPosition.Type != module.StartupLatest {
		t.Errorf("got %+v", k)
	}
	k = ingress("properties: [bootstrap.servers: other, group.id: other, x: 1, x: 2, y: true]", "autoOffsetResetPosition: EARLIEST")
	want := []module.Property{{Key: "x", Value: "2"}, {Key: "y", Value: "true"}}
	if k.Address != "h" || k.ConsumerGroupID != "g" || k.AutoOffsetReset != module.OffsetEarliest || !reflect.DeepEqual(k.Properties, want) {
		t.Errorf("got %+v", k)
	}
	for text, want := range map[string]module.StartupPosition{
		"{type: group-offsets}": {Type: module.StartupGroupOffsets},
		"{type: earliest}":      {Type: module.StartupEarliest},
		"{type: latest}":        {Type: module.StartupLatest},
		"{type: date, date: 2020-02-01 04:15:00.000 +0130}": {
			Type: module.StartupDate, Date: time.Date(2020, 2, 1, 2, 45, 0, 0, time.UTC),
		},
		"{type: specific-offsets, offsets: [{a/b/0: 1}, {a/b/1: 2}, {a/b/0: 3}]}": {
			Type: module.StartupSpecificOffsets, Offsets: []module.PartitionOffset{{Topic: "a/b", Partition: 0, Offset: 3}, {Topic: "a/b", Partition: 1, Offset: 2}},
		},
	} {
		got := ingress("startupPosition: " + text).StartupPosition
		if !got.Date.Equal(want.Date) || got.Type != want.Type || !reflect.DeepEqual(got.Offsets, want.Offsets) {
			t.Errorf("%s: got %+v", text, got)
		}
	}
	m, _ := load(t, spec("io.statefun.kafka.v1/ingress", "id: a/b", "properties: [bootstrap.servers: h1, group.id: 7]",
		"topics: [{topic: t, valueType: v, targets: [a/b]}, {topic: u, valueType: v, targets: [a/c, a/b]}, {topic: t, valueType: w, targets: [a/d]}]"), module.Options{})
	k = m.Ingresses[0].(*module.KafkaIngress)
	topics := []module.Route{{Source: "t", ValueType: "w", Targets: k.Topics[0].Targets}, {Source: "u", ValueType: "v", Targets: k.Topics[1].Targets}}
	if k.Address != "h1" || k.ConsumerGroupID != "7" || len(k.Properties) != 0 || !reflect.DeepEqual(k.Topics, topics) ||
		k.Topics[0].Targets[0] != "a/d" || k.Topics[1].Targets[0] != "a/c" || len(k.Topics[1].Targets) != 2 {
		t.Errorf("got %+v", k)
	}
}

func TestKafkaEgress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]module.KafkaEgress{
		"":                               {Semantic: module.AtLeastOnce},
		"deliverySemantic: {}":           {Semantic: module.AtLeastOnce},
		"deliverySemantic: {type: none}": {Semantic: module.NoGuarantee},
		"deliverySemantic: {type: at-least-once}":                                                           {Semantic: module.AtLeastOnce},
		"deliverySemantic: {type: at-least-once, transactionTimeout: 1}":                                    {Semantic: module.AtLeastOnce},
		"deliverySemantic: {type: exactly-once, transactionTimeout: 15 min}":                                {Semantic: module.ExactlyOnce, TransactionTimeout: 15 * time.Minute},
		"deliverySemantic: {type: exactly-once, transactionTimeoutMillis: 1500}":                            {Semantic: module.ExactlyOnce, TransactionTimeout: 1500 * time.Millisecond},
		"deliverySemantic: {type: exactly-once, transactionTimeout: 15min, transactionTimeoutMillis: 1500}": {Semantic: module.ExactlyOnce, TransactionTimeout: 1500 * time.Millisecond},
	} {
		m, _ := load(t, kafkaOut(text), module.Options{})
		if k := m.Egresses[0].(*module.KafkaEgress); k.Semantic != want.Semantic || k.TransactionTimeout != want.TransactionTimeout || k.Address != "h" {
			t.Errorf("%s: got %+v", text, k)
		}
	}
}

func TestKinesis(t *testing.T) {
	t.Parallel()
	m, _ := load(t, kinesisOut("awsCredentials: {type: basic, accessKeyId: id, secretAccessKey: key}"), module.Options{})
	k := m.Egresses[0].(*module.KinesisEgress)
	if want := (module.AWSCredentials{Type: module.CredentialsBasic, AccessKeyID: "id", SecretAccessKey: "key"}); k.Credentials != want ||
		k.Region != (module.AWSRegion{Type: module.RegionDefault}) || k.MaxOutstandingRecords != 1000 {
		t.Errorf("got %+v", k)
	}
	m, _ = load(t, kinesisIn("startupPosition: {type: date, date: '2020-02-01 04:15:00.000 +0000'}"), module.Options{})
	in := m.Ingresses[0].(*module.KinesisIngress)
	if want := (module.AWSCredentials{Type: module.CredentialsDefault}); in.Credentials != want || !in.StartupPosition.Date.Equal(time.Date(2020, 2, 1, 4, 15, 0, 0, time.UTC)) {
		t.Errorf("got %+v", in)
	}
}

func TestPlayground(t *testing.T) {
	t.Parallel()
	m, _ := load(t, spec("io.statefun.playground.v1/ingress", "port: 8090")+"---\n"+
		spec("io.statefun.playground.v1/egress", "port: 8091", "topics:", "  - greetings", "  - more", "  - greetings"), module.Options{})
	in, out := m.Ingresses[0].(*module.PlaygroundIngress), m.Egresses[0].(*module.PlaygroundEgress)
	if in.Port != 8090 || in.IngressID() != module.PlaygroundIngressID ||
		out.Port != 8091 || out.EgressID() != "io.statefun.playground/egress" || !reflect.DeepEqual(out.Topics, []string{"greetings", "more"}) {
		t.Errorf("got %+v, %+v", in, out)
	}
}
