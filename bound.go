package statefun

import (
	"maps"
	"slices"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
)

// Bound is one thing that an application is bound to, for people.
type Bound struct {
	// Role is one of those below.
	Role string
	// Name is the type of the functions, or their namespace with "/*"; or the id of the
	// ingress or egress.
	Name string
	// At is where: a URL as the module file has it, without passwords and with
	// references to secrets in place of these, or [InProgram].
	At string
}

// The roles of what is bound.
const (
	RoleFunctions = commands.RoleFunctions
	RoleIngress   = commands.RoleIngress
	RoleEgress    = commands.RoleEgress
)

// InProgram is where what Go code has registered is.
const InProgram = commands.InProgram

// Bound lists what the application is bound to: functions first, then ingresses and
// egresses, of the program before those of its module files.
func (n *Node) Bound() []Bound { return slices.Clone(n.shown) }

func (n *Node) show(a *App) {
	for _, f := range a.functions {
		n.shown = append(n.shown, Bound{RoleFunctions, string(f.Type), InProgram})
	}
	for _, m := range n.bound.endpoints {
		n.shown = append(n.shown, Bound{RoleFunctions, string(m.spec.Functions), m.spec.ShownURL()})
	}
	for _, id := range slices.Sorted(maps.Keys(a.ingresses)) {
		n.shown = append(n.shown, Bound{RoleIngress, string(id), InProgram})
	}
	for _, id := range slices.Sorted(maps.Keys(a.egresses)) {
		n.shown = append(n.shown, Bound{RoleEgress, string(id), InProgram})
	}
	n.shown = append(n.shown, n.bound.playgrounds.shown()...)
}
