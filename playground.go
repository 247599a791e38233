package statefun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/connectors/playground"
	"github.com/statefun-go/statefun/functions"
)

// playgrounds are the ends of StateFun's playground that modules define: at most one
// of each, since both have fixed ids.
type playgrounds struct {
	in  *playground.Ingress
	out *playground.Egress
	// topics of out, for people.
	topics []string
}

func (c *Config) playgroundOptions() playground.Options {
	return playground.Options{
		Environment: c.Environment, Host: c.Bind, Logger: c.Logger, MaxBodyBytes: int64(c.MaxValueBytes),
		Access: playground.Access{TLSCert: c.TLSCert, TLSKey: c.TLSKey, TokenFile: c.TokenFile, Insecure: c.Insecure},
	}
}

func (p *playgrounds) addIngress(m *module.PlaygroundIngress, c *Config) {
	p.in = playground.NewIngress(m, c.playgroundOptions())
}

func (p *playgrounds) addEgress(m *module.PlaygroundEgress, c *Config) (err error) {
	const shown = 10
	p.topics = slices.Clone(m.Topics)
	if more := len(p.topics) - shown; more > 0 {
		p.topics = append(p.topics[:shown], fmt.Sprintf("and %d more", more))
	}
	p.out, err = playground.NewEgress(m, c.playgroundOptions())
	return err
}

// pulled is what the engine is to know of the egress.
func (p *playgrounds) pulled() map[functions.TypeName]actors.QueueOf {
	if p.out == nil {
		return nil
	}
	return map[functions.TypeName]actors.QueueOf{playground.EgressID: p.out.QueueOf}
}

// start listens. The engine runs.
func (p *playgrounds) start(ctx context.Context, e *actors.Engine) error {
	if p.out != nil {
		if err := p.out.Start(ctx, e); err != nil {
			return err
		}
	}
	if p.in != nil {
		return p.in.Start(ctx, e)
	}
	return nil
}

// failures deliver why one of them cannot go on.
func (p *playgrounds) failures() (all []<-chan error) {
	if p.in != nil {
		all = append(all, p.in.Failed())
	}
	if p.out != nil {
		all = append(all, p.out.Failed())
	}
	return all
}

// close ends requests, in order until ctx ends. The engine still runs.
func (p *playgrounds) close(ctx context.Context) error {
	var errs []error
	if p.in != nil {
		errs = append(errs, p.in.Close(ctx))
	}
	if p.out != nil {
		errs = append(errs, p.out.Close(ctx))
	}
	return errors.Join(errs...)
}

// shown says for people where they listen.
func (p *playgrounds) shown() (all []Bound) {
	if p.in != nil {
		all = append(all, Bound{Role: RoleIngress, Name: string(module.PlaygroundIngressID), At: p.in.URL() + "/<namespace>/<function>/<id>"})
	}
	if p.out != nil {
		all = append(all, Bound{Role: RoleEgress, Name: string(module.PlaygroundEgressID), At: p.out.URL() + "/<topic>, topics " + strings.Join(p.topics, ", ")})
	}
	return all
}
