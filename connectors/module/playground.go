package module

import (
	"fmt"
	"math"

	"github.com/statefun-go/statefun/functions"
)

// The kinds of StateFun's playground, and the ids of what they define.
const (
	KindPlaygroundIngress functions.TypeName = "io.statefun.playground.v1/ingress"
	KindPlaygroundEgress  functions.TypeName = "io.statefun.playground.v1/egress"

	PlaygroundIngressID functions.TypeName = "io.statefun.playground/ingress"
	PlaygroundEgressID  functions.Egress   = "io.statefun.playground/egress"
)

// PlaygroundIngress takes messages over HTTP.
type PlaygroundIngress struct {
	Definition

	// Port to listen on, 0 for any.
	Port int
}

// IngressID implements Ingress.
func (*PlaygroundIngress) IngressID() functions.TypeName { return PlaygroundIngressID }

// String implements Component.
func (p *PlaygroundIngress) String() string {
	return fmt.Sprintf("playground ingress, port %d", p.Port)
}

func bindPlaygroundIngress(d Definition, spec *Object) Component {
	return &PlaygroundIngress{d, bindPort(spec)}
}

// PlaygroundEgress keeps records until they are asked for over HTTP.
type PlaygroundEgress struct {
	Definition

	// Port to listen on, 0 for any.
	Port int
	// Topics are those that there are, each once.
	Topics []string
}

// EgressID implements Egress.
func (*PlaygroundEgress) EgressID() functions.Egress { return PlaygroundEgressID }

// String implements Component.
func (p *PlaygroundEgress) String() string {
	return fmt.Sprintf("playground egress, port %d, %s", p.Port, few("topic", p.Topics))
}

func bindPlaygroundEgress(d Definition, spec *Object) Component {
	p := &PlaygroundEgress{Definition: d, Port: bindPort(spec)}
	v := spec.Need("topics", "a list of topics")
	topics, ok := v.List()
	if ok && len(topics) == 0 {
		v.Errorf("expected at least one topic, found an empty list")
	}
	seen := map[string]bool{}
	for _, t := range topics {
		name := bindName(t)
		if seen[name] && name != "" {
			t.Warnf("topic %s is here twice", quote(name))
			continue
		}
		seen[name] = true
		p.Topics = append(p.Topics, name)
	}
	return p
}

func bindPort(spec *Object) int {
	n, _ := spec.Need("port", "a port").Int(0, math.MaxUint16)
	return int(n)
}
