package functionstest

import (
	"maps"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Effects is what one or more invocations did, apart from changing state. Each
// slice is in the order in which it happened, and nil if nothing did.
type Effects struct {
	// Sent are the messages to functions, replies included, and those delayed
	// messages to other function types that came due.
	Sent []Sent
	// Egress are the messages to egresses.
	Egress []Emitted
	// Delayed are the delayed messages, also if they were cancelled later.
	Delayed []Delayed
	// Cancelled are the tokens of Context.Cancel, whether anything was pending
	// or not.
	Cancelled []string
	// Async is the asynchronous work that was started.
	Async []Started
	// Counters are the sums of Context.Count.
	Counters map[string]int64
}

// Sent is a message to a function.
type Sent struct {
	To      functions.Address
	Message functions.Message
}

// Emitted is a message to an egress.
type Emitted struct {
	To      functions.Egress
	Message functions.Message
}

// Delayed is a message that is to be sent after some time.
type Delayed struct {
	After   time.Duration
	To      functions.Address
	Message functions.Message
	Token   string
}

// Started is asynchronous work.
type Started struct {
	Name     string
	Metadata functions.Message
}

func (e *Effects) add(more Effects) {
	e.Sent = append(e.Sent, more.Sent...)
	e.Egress = append(e.Egress, more.Egress...)
	e.Delayed = append(e.Delayed, more.Delayed...)
	e.Cancelled = append(e.Cancelled, more.Cancelled...)
	e.Async = append(e.Async, more.Async...)
	for name, n := range more.Counters {
		e.count(name, n)
	}
}

func (e *Effects) count(name string, delta int64) {
	if e.Counters == nil {
		e.Counters = map[string]int64{}
	}
	e.Counters[name] += delta
}

func (e *Effects) clone() Effects {
	return Effects{
		Sent:      slices.Clone(e.Sent),
		Egress:    slices.Clone(e.Egress),
		Delayed:   slices.Clone(e.Delayed),
		Cancelled: slices.Clone(e.Cancelled),
		Async:     slices.Clone(e.Async),
		Counters:  maps.Clone(e.Counters),
	}
}
