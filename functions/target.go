package functions

// Target is where a message can be sent: an [Address] or an [Egress].
type Target interface {
	// target seals the interface: Context.Send knows every implementation, and
	// its type switch is what keeps the value off the heap.
	target()
}

// Egress is a named output, such as "fraud/alerts"; the application binds the
// name to a connector. Egress("fraud/alerts") makes one, also as a constant.
type Egress TypeName

func (Address) target() {}
func (Egress) target()  {}
