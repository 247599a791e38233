package endpoint

import "github.com/statefun-go/statefun/connectors/internal/openfiles"

// sureConnections are how many a host may have even if the process has many others open:
// none is without.
const sureConnections = 8

// places are what connections to a host take of the process's, beyond sureConnections.
// Who counts the host's connections holds a lock meanwhile.
type places struct{ of *openfiles.Places }

// take reports whether there may be one more connection beside so many.
func (p places) take(beside int) bool { return beside < sureConnections || p.of.Take() }

// give gives back what the connection has taken beside which so many are left.
func (p places) give(beside int) {
	if beside >= sureConnections {
		p.of.Give()
	}
}
