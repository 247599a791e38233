package module

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// The kinds of Kafka.
const (
	KindKafkaIngress functions.TypeName = "io.statefun.kafka.v1/ingress"
	KindKafkaEgress  functions.TypeName = "io.statefun.kafka.v1/egress"
)

// KafkaIngress reads topics. The key of a record is the id of the instance that it
// goes to.
type KafkaIngress struct {
	Definition

	ID functions.TypeName
	// Address is the list of bootstrap servers.
	Address         string
	ConsumerGroupID string
	// Topics is not empty.
	Topics []Route
	// AutoOffsetReset is where reading goes on if an offset is no longer there.
	// Defaults to OffsetLatest.
	AutoOffsetReset OffsetReset
	StartupPosition StartupPosition
	// Properties are those of the consumer, without those that are fields here.
	Properties []Property
}

// OffsetReset is a place in a topic.
type OffsetReset string

// Where reading goes on.
const (
	OffsetEarliest OffsetReset = "earliest"
	OffsetLatest   OffsetReset = "latest"
)

// IngressID implements Ingress.
func (k *KafkaIngress) IngressID() functions.TypeName { return k.ID }

// String implements Component.
func (k *KafkaIngress) String() string {
	return fmt.Sprintf("ingress %s, %s", k.ID, sources("topic", k.Topics))
}

// sources names a few of what is read.
func sources(what string, routes []Route) string {
	names := make([]string, len(routes))
	for i, r := range routes {
		names[i] = r.Source
	}
	return few(what, names)
}

// few names what there is, or says how many if they are not few.
func few(what string, names []string) string {
	const some = 3
	if len(names) > some {
		return fmt.Sprintf("%d %ss", len(names), what)
	}
	return what + " " + strings.Join(names, ", ")
}

func bindKafkaIngress(d Definition, spec *Object) Component {
	spec.within("Error parsing an AutoRoutableKafkaIngressSpec.")
	k := &KafkaIngress{Definition: d, AutoOffsetReset: OffsetLatest}
	k.ID, _ = spec.Need("id", "<namespace>/<name>").TypeName()
	k.Properties = bindProperties(spec.Get("properties"))
	k.Address = k.setting(spec, "address", "bootstrap.servers", "Missing setting for Kafka address.")
	k.ConsumerGroupID = k.setting(spec, "consumerGroupId", "group.id", "Missing setting for consumer group id.")
	k.AutoOffsetReset = bindOffsetReset(spec.Get("autoOffsetResetPosition"))
	if rest, _, found := takeProperty(k.Properties, "auto.offset.reset"); found {
		spec.at("properties").Warnf("auto.offset.reset has no effect, autoOffsetResetPosition is %s", k.AutoOffsetReset)
		k.Properties = rest
	}
	topics := spec.Get("topics")
	k.Topics = bindRoutes(topics, "topic")
	if topics == nil || topics.shape == list && len(topics.items) == 0 {
		spec.at("topics").Errorf("Routing config for routable Kafka ingress cannot be empty. Expected at least one entry of topics, found none")
	}
	k.StartupPosition = bindStartup(spec.Get("startupPosition"),
		[]StartupType{StartupGroupOffsets, StartupEarliest, StartupLatest, StartupSpecificOffsets, StartupDate})
	return k
}

// setting is a field that overrides a property. One of them must be there.
func (k *KafkaIngress) setting(spec *Object, key, property, missing string) string {
	rest, value, found := takeProperty(k.Properties, property)
	k.Properties = rest
	v := spec.Get(key)
	switch {
	case v != nil:
		return bindName(v)
	case !found:
		spec.missing(key, missing+" Expected "+key+" or the property "+property+", found neither")
	}
	return value
}

func bindOffsetReset(v *Value) OffsetReset {
	s, ok := v.Text()
	if !ok {
		return OffsetLatest
	}
	all := []OffsetReset{OffsetEarliest, OffsetLatest}
	p := OffsetReset(strings.ToLower(s))
	if !slices.Contains(all, p) {
		v.Errorf("Invalid autoOffsetResetPosition: %s; valid values are %s", v.bare(), bracketed(all))
	}
	return p
}

// KafkaEgress writes records.
type KafkaEgress struct {
	Definition

	ID functions.Egress
	// Address is the list of bootstrap servers.
	Address  string
	Semantic DeliverySemantic
	// TransactionTimeout, of ExactlyOnce.
	TransactionTimeout time.Duration
	// Properties are those of the producer.
	Properties []Property
}

// DeliverySemantic is how often a record is written if something fails.
type DeliverySemantic string

// How often a record is written.
const (
	AtLeastOnce DeliverySemantic = "at-least-once"
	ExactlyOnce DeliverySemantic = "exactly-once"
	NoGuarantee DeliverySemantic = "none"
)

// EgressID implements Egress.
func (k *KafkaEgress) EgressID() functions.Egress { return k.ID }

// String implements Component.
func (k *KafkaEgress) String() string { return fmt.Sprintf("egress %s, %s", k.ID, k.Semantic) }

func bindKafkaEgress(d Definition, spec *Object) Component {
	spec.within("Error parsing a GenericKafkaEgressSpec.")
	k := &KafkaEgress{Definition: d, Semantic: AtLeastOnce}
	k.ID = bindEgressID(spec)
	k.Properties = bindProperties(spec.Get("properties"))
	k.Properties, _, _ = takeProperty(k.Properties, "bootstrap.servers")
	if v := spec.Get("address"); v != nil {
		k.Address = bindName(v)
	} else {
		spec.missing("address", "Missing setting for Kafka address. Expected address, found nothing")
	}
	k.bindSemantic(spec.Get("deliverySemantic"))
	return k
}

func bindEgressID(spec *Object) functions.Egress {
	id, _ := spec.Need("id", "<namespace>/<name>").TypeName()
	return functions.Egress(id)
}

func (k *KafkaEgress) bindSemantic(v *Value) {
	o, ok := v.Object()
	if !ok {
		return
	}
	if v := o.Get("type"); v != nil {
		all := []DeliverySemantic{AtLeastOnce, ExactlyOnce, NoGuarantee}
		text, ok := v.Text()
		if ok && !slices.Contains(all, DeliverySemantic(text)) {
			v.Errorf("Invalid delivery semantic type: %s; valid types are %s", v.bare(), bracketed(all))
			o.open = true
			return
		}
		if ok {
			k.Semantic = DeliverySemantic(text)
		}
	}
	timeout, millis := o.Get("transactionTimeout"), o.Get("transactionTimeoutMillis")
	if k.Semantic != ExactlyOnce {
		o.Unused("with type "+string(k.Semantic), "transactionTimeout", "transactionTimeoutMillis")
		return
	}
	switch {
	case millis != nil:
		n, _ := millis.Int(1, math.MaxInt32)
		k.TransactionTimeout = time.Duration(n) * time.Millisecond
		o.Unused("because transactionTimeoutMillis is there", "transactionTimeout")
	case timeout != nil:
		k.TransactionTimeout = bindTransactionTimeout(timeout)
	default:
		o.Need("transactionTimeout", "a duration such as 15min (exactly-once needs it)")
	}
}

func bindTransactionTimeout(v *Value) time.Duration {
	d, ok := v.Duration()
	if most := math.MaxInt32 * time.Millisecond; ok && (d < time.Millisecond || d > most) {
		v.Errorf("expected a duration from 1 ms to %s, found %s", most, v.Shown())
	}
	return d
}
