package statefun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// A world is an application whose data directory has one of everything: values,
// large ones, lists, maps, what has expired, messages that wait in windows and
// chunks, timers, tokens, asynchronous work, quarantined messages, idempotency
// keys, queued egress records, in the tables and in the log. It is built with its
// gate closed, so that all of this waits. A later run opens the gate, two hours
// later, and has to do all that waits exactly once.
type world struct {
	fs    vfs.FS
	app   *App
	node  *Node
	gate  atomic.Bool // open
	later time.Duration

	mu     sync.Mutex
	notes  map[string]int // events seen, which may be seen twice
	wanted map[string]int
	done   chan struct{} // wanted has come together
	lines  map[string][]string
}

var (
	worldSum    = functions.Value("sum", functions.Int64)
	worldText   = functions.Value("text", functions.String)
	worldBrief  = functions.Value("brief", functions.Int64).ExpireAfterWrite(30 * time.Minute)
	worldLog    = functions.List("log", functions.Int64)
	worldBook   = functions.Map("book", functions.Int64)
	worldWork   = functions.Async("work", functions.Int64, functions.Int64)
	worldEgress = functions.Egress("world/out")
)

const worldGroups = 8

// errNotYet keeps a message waiting.
var errNotYet = errors.New("the gate is closed")

func newWorld(fs vfs.FS) *world {
	w := &world{fs: fs, notes: map[string]int{}, lines: map[string][]string{}}
	w.app = New(Config{
		Name: "world", DataDir: "/world", HTTP: "off", LogBytes: 1 << 20, Workers: 2, KeyGroups: worldGroups,
		FirstBackoff: time.Hour, LastBackoff: time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
	w.app.Register(
		worldFunction("ledger", []functions.State{worldSum, worldText, worldBrief, worldLog, worldBook}, w.ledger),
		worldFunction("gate", []functions.State{worldLog}, func(ctx functions.Context, n int64) error {
			if !w.gate.Load() {
				return errNotYet
			}
			worldLog.Append(ctx, n)
			return nil
		}),
		worldFunction("clock", nil, w.clock),
		worldFunction("bell", []functions.State{worldLog}, func(ctx functions.Context, n int64) error {
			worldLog.Append(ctx, n)
			w.note("bell")
			return nil
		}),
		worldFunction("echo", nil, func(ctx functions.Context, n int64) error {
			ctx.Reply(functions.Int64.Of(n))
			return nil
		}),
		worldFunction("bad", nil, func(functions.Context, int64) error {
			w.note("bad")
			return functions.Permanent(errors.New("never"))
		}),
		w.worker(),
	)
	w.app.EgressFunc(worldEgress, func(_ context.Context, r Record) error {
		if !w.gate.Load() {
			return errNotYet
		}
		n, err := functions.Int64.Decode(r.Value)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines[r.Key] = append(w.lines[r.Key], fmt.Sprint(n))
		return err
	})
	return w
}

func worldFunction(name string, states []functions.State, f func(functions.Context, int64) error) functions.Function {
	return functions.Function{
		Type: functions.TypeName("world/" + name), States: states,
		Handlers: []functions.Handler{functions.On(functions.Int64, f)},
	}
}

func (w *world) ledger(ctx functions.Context, n int64) error {
	worldSum.Update(ctx, func(v int64) int64 { return v + n })
	worldText.Set(ctx, ledgerText(n))
	worldBrief.Set(ctx, n)
	worldLog.Append(ctx, n, -n)
	if n%5 == 0 {
		worldLog.DropFirst(ctx, 1)
	}
	worldBook.Set(ctx, fmt.Sprint(n%7), n)
	if n%4 == 0 {
		worldBook.Delete(ctx, fmt.Sprint((n+1)%7))
	}
	ctx.Send(worldEgress, functions.Int64.Of(n))
	w.note("ledger")
	return nil
}

// ledgerText is small, or larger than what a record holds.
func ledgerText(n int64) string {
	return strings.Repeat(fmt.Sprintf("%d of many; ", n*n), int(n%3)*100+1)
}

// ledger is the model of one address.
type ledger struct {
	sum   int64
	text  string
	log   []int64
	book  map[string]int64
	lines []string
}

func (l *ledger) apply(n int64) {
	l.sum += n
	l.text = ledgerText(n)
	l.log = append(l.log, n, -n)
	if n%5 == 0 {
		l.log = l.log[1:]
	}
	l.book[fmt.Sprint(n%7)] = n
	if n%4 == 0 {
		delete(l.book, fmt.Sprint((n+1)%7))
	}
	l.lines = append(l.lines, fmt.Sprint(n))
}

// clock sets a timer for a positive number, and cancels it for a negative one.
func (w *world) clock(ctx functions.Context, n int64) error {
	w.note("clock")
	token := fmt.Sprintf("token %d", max(n, -n))
	if n < 0 {
		ctx.Cancel(token)
		return nil
	}
	to := functions.TypeName("world/bell").At(ctx.Self().ID)
	delay := time.Hour + time.Duration(n)*time.Millisecond
	if n%2 == 0 {
		ctx.SendAfter(delay, to, functions.Int64.Of(n))
	} else {
		ctx.SendAfter(delay, to, functions.Int64.Of(n), functions.CancelToken(token))
	}
	return nil
}

func (w *world) worker() functions.Function {
	return functions.Function{
		Type: "world/worker", States: []functions.State{worldLog},
		Handlers: []functions.Handler{
			functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
				worldWork.Start(ctx, n, func(ctx context.Context) (int64, error) {
					w.note("worker")
					<-ctx.Done()
					return 0, ctx.Err()
				})
				return nil
			}),
			functions.OnResult(worldWork, func(ctx functions.Context, r functions.Result[int64, int64]) error {
				if r.Status != functions.AsyncUnknown {
					return fmt.Errorf("got %v", r.Status)
				}
				worldLog.Append(ctx, r.Metadata)
				w.note("unknown")
				return nil
			}),
		},
	}
}

func (w *world) note(event string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes[event]++
	w.settle()
}

// await waits until events were seen often enough, or the node has failed.
func (w *world) await(ctx context.Context, wanted map[string]int) error {
	w.mu.Lock()
	w.wanted, w.done = wanted, make(chan struct{})
	done := w.done
	w.settle()
	w.mu.Unlock()
	select {
	case <-done:
		return nil
	case err := <-w.node.Failed():
		return err
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Errorf("saw %v, expected %v", w.notes, wanted)
	}
}

func (w *world) settle() {
	for event, n := range w.wanted {
		if w.notes[event] < n {
			return
		}
	}
	if w.done != nil {
		close(w.done)
		w.done = nil
	}
}

// start starts a node.
func (w *world) start(ctx context.Context) (err error) {
	env := environment.Real()
	env.FS, env.Clock = w.fs, laterClock{env.Clock, w.later}
	w.app.Config.Environment = env
	w.node, err = w.app.Start(ctx)
	return err
}

// laterClock is a clock in the future.
type laterClock struct {
	environment.Clock

	by time.Duration
}

func (c laterClock) Now() time.Time { return c.Clock.Now().Add(c.by) }

// crash leaves the files as kill -9 does.
func (w *world) crash() error { return errors.Join(w.node.engine.Abort(), w.node.dir.Close()) }

// runWorld starts a node on a world's files with the gate open, waits until all
// that waited is done, and compares everything with what the world was given. An
// error of the node is returned; what differs from the model is an unequal.
func runWorld(ctx context.Context, w *world, c *content) (err error) {
	w.gate.Store(true)
	w.later = 2 * time.Hour
	if err := w.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.node.Close()) }()
	if err := w.await(ctx, map[string]int{"bell": c.rings, "unknown": c.works}); err != nil {
		return err
	}
	if err := w.node.Idle(ctx); err != nil {
		return err
	}
	if err := w.node.engine.Journal().Err(); err != nil {
		return err
	}
	return w.compare(c)
}

// unequal is a state that is wrong, and silently so.
type unequal struct{ error }

func (w *world) compare(c *content) error {
	var errs []error
	for id, l := range c.ledgers {
		errs = append(errs, w.compareLedger(id, l))
	}
	for id, want := range c.gates {
		errs = append(errs, w.compareLog("world/gate", id, want))
	}
	for id, want := range c.bells {
		errs = append(errs, w.compareLog("world/bell", id, want))
	}
	for id, want := range c.workers {
		errs = append(errs, w.compareLog("world/worker", id, want))
	}
	quarantined := map[string]bool{}
	err := w.node.engine.Quarantine(func(q actors.Quarantined) bool {
		quarantined[q.Address.ID] = q.Error == "never"
		return true
	})
	if err == nil && len(quarantined) != c.bad {
		err = unequal{fmt.Errorf("%d messages are quarantined, expected %d", len(quarantined), c.bad)}
	}
	return errors.Join(append(errs, err)...)
}

func (w *world) compareLedger(id string, l *ledger) error {
	a := functions.TypeName("world/ledger").At(id)
	got := map[string]string{}
	for _, state := range []string{"sum", "text", "brief", "log", "book"} {
		v, err := w.entries(a, state)
		if err != nil {
			return err
		}
		got[state] = v
	}
	book := ""
	for _, k := range slices.Sorted(maps.Keys(l.book)) {
		book += fmt.Sprintf("%s=%d ", k, l.book[k])
	}
	want := map[string]string{
		"sum": fmt.Sprintf("=%d ", l.sum), "text": "=" + l.text + " ", "brief": "", "log": numbers(l.log), "book": book,
	}
	if !maps.Equal(got, want) {
		return unequal{fmt.Errorf("%s: got %v, expected %v", a, got, want)}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.lines[id], l.lines) {
		return unequal{fmt.Errorf("egress of %s: got %v, expected %v", a, w.lines[id], l.lines)}
	}
	return nil
}

func (w *world) compareLog(typ functions.TypeName, id string, want []int64) error {
	got, err := w.entries(typ.At(id), "log")
	if text := numbers(want); err == nil && got != text {
		err = unequal{fmt.Errorf("%s/%s: %s", typ, id, difference(got, text))}
	}
	return err
}

// difference shows where two lists differ.
func difference(got, want string) string {
	g, w := strings.Fields(got), strings.Fields(want)
	n := 0
	for n < min(len(g), len(w)) && g[n] == w[n] {
		n++
	}
	return fmt.Sprintf("after %d equal entries got %v of %d, expected %v of %d", n, g[n:min(n+3, len(g))], len(g), w[n:min(n+3, len(w))], len(w))
}

// numbers is how entries shows a list.
func numbers(list []int64) string {
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, "=%d ", n)
	}
	return b.String()
}

// entries shows a state as text, "" if it is absent.
func (w *world) entries(a functions.Address, state string) (string, error) {
	var text strings.Builder
	var inner error
	_, err := w.node.engine.StateEntries(a, state, func(e actors.StateEntry) bool {
		var v any
		if state == "text" {
			v, inner = functions.String.Decode(e.Value)
		} else {
			v, inner = functions.Int64.Decode(e.Value)
		}
		fmt.Fprintf(&text, "%s=%v ", e.Key, v)
		return inner == nil
	})
	if errors.Is(err, actors.ErrNoState) {
		err = nil
	}
	return text.String(), errors.Join(err, inner)
}
