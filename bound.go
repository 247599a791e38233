package statefun

import (
	"maps"
	"slices"

	"github.com/statefun-go/statefun/connectors/http"
)

// Bound is one thing that an application is bound to, for people; see [http.Bound].
type Bound = http.Bound

// The roles of what is bound.
const (
	RoleFunctions = http.RoleFunctions
	RoleIngress   = http.RoleIngress
	RoleEgress    = http.RoleEgress
)

// InProgram is where what Go code has registered is.
const InProgram = http.InProgram

// Bound lists what the application is bound to: functions first, then ingresses and
// egresses, of the program before those of its module files.
func (n *Node) Bound() []Bound { return slices.Clone(n.shown) }

func (n *Node) show(a *App) {
	for _, f := range a.functions {
		n.shown = append(n.shown, Bound{Role: RoleFunctions, Name: string(f.Type), At: InProgram})
	}
	for _, m := range n.bound.endpoints {
		n.shown = append(n.shown, Bound{Role: RoleFunctions, Name: string(m.spec.Functions), At: m.spec.ShownURL()})
	}
	for _, id := range slices.Sorted(maps.Keys(a.ingresses)) {
		n.shown = append(n.shown, Bound{Role: RoleIngress, Name: string(id), At: InProgram})
	}
	for _, id := range slices.Sorted(maps.Keys(a.egresses)) {
		n.shown = append(n.shown, Bound{Role: RoleEgress, Name: string(id), At: InProgram})
	}
	n.shown = append(n.shown, n.bound.playgrounds.shown()...)
}
