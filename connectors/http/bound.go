package http

// Bound is one thing that an application is bound to, for people.
type Bound struct {
	// Role is one of those below.
	Role string `json:"role"`
	// Name is the type of the functions, or their namespace with "/*"; or the id of the
	// ingress or egress.
	Name string `json:"name"`
	// At is where: a URL as the module file has it, without passwords and with
	// references to secrets in place of these, or InProgram.
	At string `json:"at"`
}

// The roles of what is bound.
const (
	RoleFunctions = "functions"
	RoleIngress   = "ingress"
	RoleEgress    = "egress"
)

// InProgram is where what Go code has registered is.
const InProgram = "this program"
