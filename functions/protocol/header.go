package protocol

// Headers with which a server of functions may say more about a batch that failed,
// beside a status of 500 and a text. StateFun's runtime does not know them, and
// tries again.
const (
	// HeaderFailedInvocation is the position, from 0, of the invocation that failed.
	HeaderFailedInvocation = "Statefun-Failed-Invocation"
	// HeaderPermanent is "true" if trying again cannot cure the failure.
	HeaderPermanent = "Statefun-Permanent"
	// HeaderMaxAttempts is how often the function wants a message to be tried, 1 or
	// more, before it is set aside.
	HeaderMaxAttempts = "Statefun-Max-Attempts"
)
