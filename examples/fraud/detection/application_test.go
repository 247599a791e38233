package detection_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/generator"
	"github.com/statefun-go/statefun/examples/fraud/scoring"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// application runs all functions together, each in a Kit of its own: it carries
// the messages between them, and keeps what leaves. It stands in for a node, of
// which this package knows nothing.
type application struct {
	kits    map[functions.TypeName]*functionstest.Kit
	alerts  map[string]bool
	replies map[string][]detection.Verdict // by caller
	reports map[string]detection.Report    // by caller
}

const clientType functions.TypeName = "test/client"

func newApplication(t *testing.T, cfg detection.Config) *application {
	t.Helper()
	all, err := detection.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	app := &application{
		kits:    map[functions.TypeName]*functionstest.Kit{},
		alerts:  map[string]bool{},
		replies: map[string][]detection.Verdict{},
		reports: map[string]detection.Report{},
	}
	for _, fn := range all {
		app.kits[fn.Type] = functionstest.New(t, fn)
	}
	return app
}

// send delivers m, and all that follows from it.
func (a *application) send(t *testing.T, from, to functions.Address, m functions.Message) {
	t.Helper()
	if to.Type == clientType {
		a.reply(t, to.ID, m)
		return
	}
	a.follow(t, to, a.kits[to.Type].Invoke(to.ID, m, functionstest.Caller(from)))
}

// advance moves all clocks, by which asynchronous work is done as well.
func (a *application) advance(t *testing.T, d time.Duration) {
	t.Helper()
	for _, kit := range a.kits {
		a.follow(t, functions.Address{}, kit.Advance(d))
	}
}

// follow delivers what the function at self has sent. What it sent to its own
// type its Kit delivers.
func (a *application) follow(t *testing.T, self functions.Address, eff functionstest.Effects) {
	t.Helper()
	for _, e := range eff.Egress {
		alert, err := detection.AlertType.From(e.Message)
		if err != nil || e.To != detection.Alerts || a.alerts[alert.Transaction] {
			t.Fatalf("sent %v to %s, error %v", e.Message, e.To, err)
		}
		a.alerts[alert.Transaction] = true
	}
	for _, s := range eff.Sent {
		if s.To.Type != self.Type {
			a.send(t, self, s.To, s.Message)
		}
	}
}

func (a *application) reply(t *testing.T, client string, m functions.Message) {
	t.Helper()
	if m.Type == detection.ReportType.Name() {
		a.reports[client], _ = detection.ReportType.From(m)
		return
	}
	verdict, err := detection.VerdictType.From(m)
	if err != nil {
		t.Fatal(err)
	}
	a.replies[client] = append(a.replies[client], verdict)
}

// audit sums up the reports of all ledgers.
func (a *application) audit(t *testing.T) (sum detection.Report) {
	t.Helper()
	for i, ledger := range detection.AllLedgers() {
		client := strconv.Itoa(i)
		a.send(t, clientType.At(client), ledger, detection.ReportQueryType.Of(detection.ReportQuery{}))
		sum = sum.Plus(a.reports[client])
	}
	return sum
}

func newScoringURL(t *testing.T, cfg scoring.Config) string {
	t.Helper()
	service, err := scoring.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := scoring.NewServer("", service)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.URL()
}

// The whole application on generated transactions, with a service that often
// fails: each transaction gets one verdict, everything adds up, and nothing is left
// of it but the ledgers.
func TestApplication(t *testing.T) {
	t.Parallel()
	const transactions = 2000
	app := newApplication(t, detection.Config{ScoringURL: newScoringURL(t, scoring.Config{Seed: 1, FailureShare: 0.5})})
	load, err := generator.New(generator.Config{Seed: 1, Accounts: 50, Merchants: 20})
	if err != nil {
		t.Fatal(err)
	}
	confirmed := 0
	for p := range uint64(transactions) {
		e := load.At(p)
		app.send(t, clientType.At(e.ID), detection.Transactions.At(e.ID), detection.TransactionType.Of(e.Transaction))
		if e.Confirmed {
			confirmed++
			app.send(t, functions.Address{}, detection.Counts.At(e.Transaction.Account), detection.ConfirmationType.Of(e.Confirmation()))
		}
		if p%100 == 0 {
			app.advance(t, time.Second)
		}
	}
	app.advance(t, 10*time.Second)

	alerts, defaults := 0, 0
	for p := range uint64(transactions) {
		e := load.At(p)
		verdicts := app.replies[e.ID]
		if len(verdicts) != 1 || verdicts[0].Transaction != e.ID || verdicts[0].Alert != app.alerts[e.ID] {
			t.Fatalf("%s: verdicts %v, in the egress: %t", e.ID, verdicts, app.alerts[e.ID])
		}
		if verdicts[0].Alert {
			alerts++
		}
		if verdicts[0].ScoreIsDefault {
			defaults++
		}
	}
	if got, want := app.audit(t), (detection.Report{Verdicts: transactions, Alerts: int64(alerts)}); got != want {
		t.Errorf("the ledgers say %+v, want %+v", got, want)
	}
	if alerts < transactions/500 || alerts > transactions/20 || confirmed == 0 || defaults == transactions {
		t.Errorf("%d alerts, %d confirmed, %d of a default score: not much of a test", alerts, confirmed, defaults)
	}
	t.Logf("%d alerts, %d confirmed, %d of a default score", alerts, confirmed, defaults)

	app.advance(t, 31*24*time.Hour)
	for p := range uint64(transactions) {
		e := load.At(p)
		app.wantNoState(t, detection.Transactions.At(e.ID))
		app.wantNoState(t, detection.Counts.At(e.Transaction.Account))
		app.wantNoState(t, detection.Merchants.At(e.Transaction.Merchant))
	}
}

// The figures that the README shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	app := newApplication(t, detection.Config{ScoringURL: newScoringURL(t, scoring.Config{Seed: 1})})
	var got []detection.Verdict
	for i := range 4 {
		id := "tx-" + strconv.Itoa(i+1)
		tx := detection.Transaction{Account: "alice", Merchant: "globex", AmountCents: 99_900}
		app.send(t, clientType.At(id), detection.Transactions.At(id), detection.TransactionType.Of(tx))
		app.advance(t, 0)
		app.send(t, functions.Address{}, detection.Counts.At("alice"), detection.ConfirmationType.Of(detection.Confirmation{Transaction: id}))
		got = append(got, app.replies[id]...)
	}
	want := []detection.Verdict{
		{Transaction: "tx-1", FraudProbability: 0.059},
		{Transaction: "tx-2", FraudProbability: 0.219},
		{Transaction: "tx-3", FraudProbability: 0.557, Alert: true},
		{Transaction: "tx-4", FraudProbability: 0.849, Alert: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What was decided already and comes again is decided again, but the ledger
// tells.
func TestDuplicatesShow(t *testing.T) {
	t.Parallel()
	app := newApplication(t, detection.Config{ScoringURL: newScoringURL(t, scoring.Config{})})
	tx := detection.TransactionType.Of(detection.Transaction{Account: "alice", Merchant: "globex", AmountCents: 1})
	for range 2 {
		app.send(t, clientType.At("tx"), detection.Transactions.At("tx"), tx)
		app.advance(t, 0)
	}
	app.send(t, clientType.At("open"), detection.Transactions.At("open"), tx)
	app.send(t, clientType.At("open"), detection.Transactions.At("open"), tx)
	app.advance(t, 0)
	if got, want := app.audit(t), (detection.Report{Verdicts: 2, Duplicates: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func (a *application) wantNoState(t *testing.T, address functions.Address) {
	t.Helper()
	if names := a.kits[address.Type].States(address.ID); len(names) > 0 {
		t.Fatalf("%v still has %v", address, names)
	}
}
