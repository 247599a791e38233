package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/functions"
)

// ledgers stand in for a node.
type ledgers struct {
	entries     map[string]map[string][]byte // by ledger and name, then by transaction
	reports     map[string]detection.Report  // by ledger
	quarantined []actors.Quarantined
	failure     error
	idle        func()
}

func (l *ledgers) Idle(context.Context) error {
	if l.idle != nil {
		l.idle()
	}
	return nil
}

func (l *ledgers) Call(_ context.Context, to functions.Address, m functions.Message) (statefun.Answer, error) {
	if _, err := detection.ReportQueryType.From(m); err != nil {
		return statefun.Answer{}, err
	}
	return statefun.Answer{Message: detection.ReportType.Of(l.reports[to.ID])}, l.failure
}

func (l *ledgers) StateEntries(a functions.Address, name string, visit func(actors.StateEntry) bool) (actors.StateValue, error) {
	all, ok := l.entries[a.ID+"/"+name]
	if !ok {
		return actors.StateValue{}, fmt.Errorf("%w: %s", actors.ErrNoState, name)
	}
	for key, value := range all {
		if !visit(actors.StateEntry{Key: key, Value: value}) {
			break
		}
	}
	return actors.StateValue{}, nil
}

func (l *ledgers) Quarantine(visit func(actors.Quarantined) bool) error {
	for _, q := range l.quarantined {
		visit(q)
	}
	return nil
}

func (l *ledgers) enter(id, name string, m functions.Message) {
	key := detection.LedgerOf(id).ID + "/" + name
	if l.entries[key] == nil {
		l.entries[key] = map[string][]byte{}
	}
	l.entries[key][id] = m.Value
}

func (l *ledgers) count(id string, r detection.Report) {
	ledger := detection.LedgerOf(id).ID
	l.reports[ledger] = l.reports[ledger].Plus(r)
}

// record enters a verdict as a ledger does.
func (l *ledgers) record(id, outcome string) {
	r := detection.Report{Verdicts: 1}
	if outcome == detection.OutcomeAlert {
		r.Alerts = 1
	}
	l.count(id, r)
	l.enter(id, detection.RecordedState, functions.String.Of(outcome))
}

func (l *ledgers) repeat(id string, n int64) {
	l.count(id, detection.Report{Duplicates: n})
	l.enter(id, detection.RepeatedState, functions.Int64.Of(n))
}

// scene is an audit of a hundred transactions, every tenth of which is an alert.
type scene struct {
	*audit
	ledgers *ledgers
	lines   []string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{ledgers: &ledgers{entries: map[string]map[string][]byte{}, reports: map[string]detection.Report{}}}
	s.audit = &audit{
		node: s.ledgers, engine: s.ledgers, generator: newGenerator(t, 10),
		alerts: filepath.Join(t.TempDir(), "alerts.jsonl"), accepted: 100, end: 100,
	}
	for p := range uint64(100) {
		id := s.generator.At(p).ID
		if p%10 == 0 {
			s.ledgers.record(id, detection.OutcomeAlert)
			s.lines = append(s.lines, lineOf(id))
		} else {
			s.ledgers.record(id, detection.OutcomeOK)
		}
	}
	return s
}

func lineOf(id string) string {
	return fmt.Sprintf(`{"sequence":1,"key":%q,"type":"fraud/Alert","value":{"transaction":%q,"account":"a"}}`, id, id)
}

func (s *scene) write(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(s.alerts, []byte(strings.Join(s.lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	forget := func(s *scene, id string) {
		delete(s.ledgers.entries[detection.LedgerOf(id).ID+"/"+detection.RecordedState], id)
	}
	for _, c := range []struct {
		name  string
		plant func(s *scene)
		wrong []string // nothing: exact
		want  findings
	}{
		{"nothing", func(*scene) {}, nil, findings{verdicts: 100, alerts: 10, lines: 10}},
		{"others", func(s *scene) {
			for _, id := range []string{"mine", "2-7", "1-007"} {
				s.ledgers.record(id, detection.OutcomeAlert)
				s.ledgers.repeat(id, 2)
				s.lines = append(s.lines, lineOf(id), lineOf(id))
			}
			s.ledgers.quarantined = []actors.Quarantined{{Address: detection.Counts.At("a"), Type: "x/y", Error: "panic\nstack"}}
		}, nil, findings{verdicts: 100, alerts: 10, lines: 10, others: 3, quarantined: []string{"fraud/count/a, message of type x/y: panic"}}},
		{"lost verdict", func(s *scene) {
			forget(s, "1-5")
			s.ledgers.count("1-5", detection.Report{Verdicts: -1})
		}, []string{"1 transactions have no verdict: 1-5"}, findings{verdicts: 99, alerts: 10, lines: 10, missing: 1}},
		{"came twice", func(s *scene) { s.ledgers.repeat("1-5", 2) },
			[]string{"1 transactions came more than once: 1-5"}, findings{verdicts: 100, alerts: 10, duplicates: 2, lines: 10}},
		{"lost one, made up one", func(s *scene) {
			forget(s, "1-5")
			s.ledgers.count("1-5", detection.Report{Verdicts: -1})
			s.ledgers.record("1-100", detection.OutcomeOK)
		}, []string{"1 transactions have no verdict: 1-5", "1 transactions have a verdict and were never sent: 1-100"},
			findings{verdicts: 99, alerts: 10, lines: 10, missing: 1, others: 1}},
		{"lost line", func(s *scene) { s.lines = s.lines[1:] },
			[]string{"1 transactions have an alert that is not in the file: 1-0"}, findings{verdicts: 100, alerts: 10, lines: 9, missing: 1}},
		{"line twice", func(s *scene) { s.lines = append(s.lines, s.lines[1]) },
			[]string{"1 transactions are in the file of alerts more than once: 1-10"}, findings{verdicts: 100, alerts: 10, lines: 11}},
		{"made-up lines", func(s *scene) { s.lines = append(s.lines, lineOf("1-7"), lineOf("1-100")) },
			[]string{"1 transactions are in the file of alerts and have none: 1-7", "1 transactions are in the file of alerts and were never sent: 1-100"},
			findings{verdicts: 100, alerts: 10, lines: 11}},
		{"damaged lines", func(s *scene) {
			s.lines = append(s.lines, "x", `{"key":"1-0","value":{"transaction":"1-1"}}`, "{}", "{}")
		}, []string{"4 lines of the file of alerts are damaged: 11, 12, 13, …"}, findings{verdicts: 100, alerts: 10, lines: 10}},
		{"half a line", func(s *scene) {
			s.lines[9] = s.lines[9][:20] + "\x00"
			s.lines[9] = strings.TrimRight(s.lines[9], "\x00")
		},
			[]string{"1 transactions have an alert that is not in the file: 1-90", "1 lines of the file of alerts are damaged: 10"},
			findings{verdicts: 100, alerts: 10, lines: 9, missing: 1}},
		{"wrong sums", func(s *scene) { s.ledgers.count("1-5", detection.Report{Verdicts: 1, Alerts: -1, Duplicates: 3}) },
			[]string{"the ledgers report 101 verdicts and have entries of 100", "the ledgers report 9 alerts and have entries of 10", "the ledgers report 3 duplicates and have entries of 0"},
			findings{verdicts: 101, alerts: 9, duplicates: 3, lines: 10}},
		{"in doubt", func(s *scene) { s.accepted, s.unsettled = 98, 2 },
			[]string{"2 transactions are not known to be accepted: the next run sends them again"}, findings{verdicts: 100, alerts: 10, lines: 10}},
		{"too few", func(s *scene) { s.accepted = 98 },
			[]string{"98 transactions were accepted of 100"}, findings{verdicts: 100, alerts: 10, lines: 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			c.plant(s)
			s.write(t)
			f, err := s.once(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(f.wrong, c.wrong) || f.exact() != (len(c.wrong) == 0) {
				t.Errorf("exact: %t\ngot  %q\nwant %q", f.exact(), f.wrong, c.wrong)
			}
			if !slices.Equal(f.quarantined, c.want.quarantined) {
				t.Errorf("quarantined %q, want %q", f.quarantined, c.want.quarantined)
			}
			f.wrong, f.quarantined, c.want.quarantined = nil, nil, nil
			if fmt.Sprint(*f) != fmt.Sprint(c.want) {
				t.Errorf("got %+v, want %+v", *f, c.want)
			}
		})
	}
}

func TestAuditErrors(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.ledgers.failure = errors.New("away")
	if _, err := s.once(t.Context()); err == nil || err.Error() != "ask fraud/ledger/0 for its report: away" {
		t.Errorf("got %v", err)
	}
	s = newScene(t)
	s.ledgers.enter("x", detection.RepeatedState, functions.Message{Value: []byte{0xff}})
	if _, err := s.once(t.Context()); err == nil || !strings.Contains(err.Error(), "read repeated of fraud/ledger/") {
		t.Errorf("got %v", err)
	}
	s = newScene(t)
	s.alerts = t.TempDir()
	if _, err := s.once(t.Context()); err == nil {
		t.Error("a directory is a file of alerts")
	}
}

// The audit waits for what may still come, and not for ever.
func TestAuditWaits(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write(t) // all lines
	late := map[string]bool{}
	for _, id := range []string{"1-1", "1-2", "1-3"} {
		delete(s.ledgers.entries[detection.LedgerOf(id).ID+"/"+detection.RecordedState], id)
		s.ledgers.count(id, detection.Report{Verdicts: -1})
		late[id] = true
	}
	pass := 0
	s.ledgers.idle = func() {
		if pass++; pass > 1 && len(late) > 0 {
			id := fmt.Sprint("1-", pass-1)
			s.ledgers.record(id, detection.OutcomeOK)
			delete(late, id)
		}
	}
	var waited []uint64
	f, err := s.run(t.Context(), patience{stalled: time.Minute, total: time.Minute}, func(missing uint64) { waited = append(waited, missing) })
	if err != nil || !f.exact() || !slices.Equal(waited, []uint64{3, 2, 1}) {
		t.Errorf("got %+v, %v, waited for %v", f, err, waited)
	}

	s.lines = s.lines[3:]
	s.write(t)
	f, err = s.run(t.Context(), patience{stalled: time.Millisecond, total: time.Minute}, func(uint64) {})
	if err != nil || f.exact() || f.missing != 3 {
		t.Errorf("got %+v, %v", f, err)
	}
}
