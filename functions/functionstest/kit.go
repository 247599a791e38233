package functionstest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// T is the part of testing.TB that a Kit needs. A logger that is not set
// otherwise writes to its Output, if it has one.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Kit runs one function type. It is not safe for concurrent use.
type Kit struct {
	t      T
	fn     functions.Function
	logger *slog.Logger
	now    time.Time

	specs     map[string]*functions.StateSpec // declared and registered, by name
	instances map[string]instance             // by id
	queue     []task                          // to be delivered by Advance, in order
	timers    []timer                         // by due time, then in order of sending
	effects   Effects
}

// Option changes how a Kit is set up.
type Option func(*Kit)

// StartAt sets the clock. Defaults to the beginning of the year 2000, UTC.
func StartAt(now time.Time) Option { return func(k *Kit) { k.now = now } }

// Logger sets where functions log. Defaults to the test's output.
func Logger(l *slog.Logger) Option { return func(k *Kit) { k.logger = l } }

// New makes a Kit for fn, and fails the test if fn is not valid. In an Example t
// may be nil; failures then panic.
func New(t T, fn functions.Function, opts ...Option) *Kit {
	k := &Kit{
		t:         cmp.Or[T](t, panicT{}),
		fn:        fn,
		now:       time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		specs:     map[string]*functions.StateSpec{},
		instances: map[string]instance{},
	}
	k.t.Helper()
	if err := fn.Validate(); err != nil {
		k.t.Fatalf("functionstest: %v", err)
	}
	for _, s := range fn.States {
		k.specs[s.Spec().Name] = s.Spec()
	}
	for _, o := range opts {
		o(k)
	}
	k.logger = cmp.Or(k.logger, testLogger(t))
	return k
}

// InvokeOption changes one invocation.
type InvokeOption func(*driver)

// Caller sets the sender of the message. Defaults to none, as for a message from
// an ingress.
func Caller(a functions.Address) InvokeOption { return func(d *driver) { d.caller = a } }

// WithContext sets what the function's Context is as a context.Context. Defaults
// to one that never ends.
func WithContext(ctx context.Context) InvokeOption { return func(d *driver) { d.Context = ctx } }

// Invoke runs the function at id on m and returns what it did. If the
// invocation fails, so does the test.
func (k *Kit) Invoke(id string, m functions.Message, opts ...InvokeOption) Effects {
	k.t.Helper()
	eff, err := k.invoke(id, m, opts)
	if err != nil {
		k.t.Fatalf("functionstest: %s failed on %v: %v", k.fn.Type.At(id), m, err)
	}
	return eff
}

// MustFail runs the function at id on m and returns why the invocation failed,
// which left nothing behind. If it does not fail, the test does. A panic of the
// function is a failure of its invocation.
func (k *Kit) MustFail(id string, m functions.Message, opts ...InvokeOption) error {
	k.t.Helper()
	_, err := k.invoke(id, m, opts)
	if err == nil {
		k.t.Fatalf("functionstest: %s did not fail on %v", k.fn.Type.At(id), m)
	}
	return err
}

// At gives access to the state of id outside of an invocation, for use with the
// function's state handles: seen.Get(k.At("alice")), seen.Set(k.At("alice"), 1).
// Writes take effect at once. Sending and the like fail the test, and so does
// what would fail an invocation.
func (k *Kit) At(id string) functions.Context {
	return functions.NewContext(&driver{Context: context.Background(), kit: k, self: k.fn.Type.At(id), outside: true})
}

// States returns the names of the states that id has, sorted. A list or a map
// without entries does not count.
func (k *Kit) States(id string) []string {
	var names []string
	for name, c := range k.live(id) {
		if !c.empty() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Effects returns what all successful invocations did so far.
func (k *Kit) Effects() Effects { return k.effects.clone() }

// Now is the time of the Kit's clock.
func (k *Kit) Now() time.Time { return k.now }

func (k *Kit) invoke(id string, m functions.Message, opts []InvokeOption) (Effects, error) {
	self := k.fn.Type.At(id)
	if err := cmp.Or(self.Validate(), m.Err()); err != nil {
		return Effects{}, err
	}
	d := k.begin(self)
	for _, o := range opts {
		o(d)
	}
	if err := d.run(m); err != nil {
		return Effects{}, err
	}
	d.commit()
	return d.effects, nil
}

// live returns the states of id without those that have expired.
func (k *Kit) live(id string) instance {
	in := k.instances[id]
	if in == nil {
		in = instance{}
		k.instances[id] = in
	}
	in.expire(k.specs, k.now)
	return in
}

func testLogger(t T) *slog.Logger {
	if t, ok := t.(interface{ Output() io.Writer }); ok {
		return slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return slog.New(slog.DiscardHandler)
}

// panicT stands in where there is no test.
type panicT struct{}

func (panicT) Helper() {}

func (panicT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
