package functionstest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// driver is one invocation. It works on copies of everything that the
// invocation may change; commit puts them in place.
type driver struct {
	context.Context
	kit    *Kit
	self   functions.Address
	caller functions.Address

	states  instance
	specs   map[string]*functions.StateSpec
	queue   []task // what the invocation adds
	timers  []timer
	effects Effects

	failure error
	ended   bool
	outside bool // made by Kit.At: states are the Kit's own, effects impossible
}

var _ functions.Driver = (*driver)(nil)

func (k *Kit) begin(self functions.Address) *driver {
	d := &driver{
		Context: context.Background(),
		kit:     k,
		self:    self,
		states:  k.live(self.ID).clone(),
		specs:   maps.Clone(k.specs),
		timers:  slices.Clone(k.timers),
	}
	d.states.touch(d.specs, k.now)
	return d
}

func (d *driver) run(m functions.Message) (err error) {
	defer func() {
		d.ended = true
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		err = cmp.Or(d.failure, err)
	}()
	return d.kit.fn.Invoke(functions.NewContext(d), m)
}

func (d *driver) commit() {
	k := d.kit
	k.instances[d.self.ID] = d.states
	k.specs, k.timers = d.specs, d.timers
	k.queue = append(k.queue, d.queue...)
	k.effects.add(d.effects)
}

func (d *driver) Self() functions.Address { return d.self }

func (d *driver) Caller() functions.Address { return d.caller }

func (d *driver) Logger() *slog.Logger {
	return d.kit.logger.With("function", string(d.self.Type), "id", d.self.ID)
}

func (d *driver) Fail(err error) {
	d.failure = cmp.Or(d.failure, err)
	if d.outside {
		d.kit.t.Helper()
		d.kit.t.Fatalf("functionstest: at %s: %v", d.self, err)
	}
}

func (d *driver) Send(to functions.Address, m functions.Message) {
	d.mustRun("Send")
	d.effects.Sent = append(d.effects.Sent, Sent{to, m})
	if to.Type == d.self.Type {
		d.queue = append(d.queue, task{from: d.self, to: to, message: m})
	}
}

func (d *driver) Egress(id functions.TypeName, m functions.Message) {
	d.mustRun("Send to an egress")
	d.effects.Egress = append(d.effects.Egress, Emitted{functions.Egress(id), m})
}

func (d *driver) SendAfter(delay time.Duration, to functions.Address, m functions.Message, token string) {
	d.mustRun("SendAfter")
	if token != "" && slices.ContainsFunc(d.timers, d.sentUnder(token)) {
		d.Fail(fmt.Errorf("functionstest: a delayed message with cancel token %q is already pending", token))
		return
	}
	d.effects.Delayed = append(d.effects.Delayed, Delayed{delay, to, m, token})
	d.timers = append(d.timers, timer{d.kit.now.Add(delay), task{from: d.self, to: to, message: m}, token})
	slices.SortStableFunc(d.timers, func(a, b timer) int { return a.due.Compare(b.due) })
}

func (d *driver) Cancel(token string) {
	d.mustRun("Cancel")
	d.effects.Cancelled = append(d.effects.Cancelled, token)
	d.timers = slices.DeleteFunc(d.timers, d.sentUnder(token))
}

// sentUnder finds a pending message by its token, which belongs to the sender's id.
func (d *driver) sentUnder(token string) func(timer) bool {
	return func(t timer) bool { return t.token == token && t.task.from.ID == d.self.ID }
}

func (d *driver) StartAsync(name string, metadata functions.Message, work functions.AsyncWork) {
	d.mustRun("Start")
	d.effects.Async = append(d.effects.Async, Started{name, metadata})
	d.queue = append(d.queue, task{from: d.self, to: d.self, operation: name, metadata: metadata, work: work})
}

func (d *driver) Count(name string, delta int64) {
	d.mustRun("Count")
	d.effects.count(name, delta)
}

// mustRun fails the test if there is no invocation that op could be part of.
func (d *driver) mustRun(op string) {
	d.kit.t.Helper()
	if d.outside {
		d.kit.t.Fatalf("functionstest: %s outside of an invocation: Kit.At is for state only", op)
	}
	d.mustNotHaveEnded(op)
}

func (d *driver) mustNotHaveEnded(op string) {
	d.kit.t.Helper()
	if d.ended {
		d.kit.t.Fatalf("functionstest: %s by %s after its invocation has ended: a Context must not be kept", op, d.self)
	}
}
