package application_test

import (
	"io"
	"strings"
	"testing"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/examples/fraud/application"
	"github.com/statefun-go/statefun/examples/fraud/detection"
)

// The README's walk, on a whole node in memory that is restarted on the way.
func TestReadme(t *testing.T) {
	t.Parallel()
	third, err := application.NewScoring()
	if err != nil {
		t.Fatal(err)
	}
	if err := third.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = third.Close() })
	app, err := application.New(statefun.Config{Name: "fraud"}, third.URL())
	if err != nil {
		t.Fatal(err)
	}
	h := statefun.NewHarness(t, app)
	payment := detection.TransactionType.Of(detection.Transaction{Account: "alice", Merchant: "globex", AmountCents: 99900})
	ask := func(id string, probability float64) {
		t.Helper()
		v, err := detection.VerdictType.From(h.Call(detection.Transactions.At(id), payment))
		if want := (detection.Verdict{Transaction: id, FraudProbability: probability, Alert: probability > 0.5}); err != nil || v != want {
			t.Errorf("got %+v, %v, want %+v", v, err, want)
		}
	}
	ask("tx-1", 0.059)
	for range 3 {
		h.Send(detection.Counts.At("alice"), detection.ConfirmationType.Of(detection.Confirmation{Transaction: "tx-1"}))
	}
	h.Restart()
	ask("tx-2", 0.849)
	h.Idle()
	const line = `{"sequence":1,"key":"tx-2","type":"fraud/Alert","value":{"transaction":"tx-2","account":"alice","merchant":"globex","amountCents":99900,"fraudProbability":0.849}}` + "\n"
	if got := alerts(t, app); got != line {
		t.Errorf("got  %s\nwant %s", got, line)
	}
}

// alerts is what is in their file, which is in memory.
func alerts(t *testing.T, app *statefun.App) string {
	t.Helper()
	f, err := app.Config.Environment.FS.Open(application.AlertsFile(app.Config.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScoringURLIsChecked(t *testing.T) {
	t.Parallel()
	if _, err := application.New(statefun.Config{}, "nowhere"); err == nil {
		t.Error("no error")
	}
}
