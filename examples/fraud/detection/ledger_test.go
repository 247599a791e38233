package detection

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/statefun-go/statefun/functions/functionstest"
)

func TestLedgerRecords(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newLedger())
	k.Invoke("7", VerdictType.Of(Verdict{Transaction: "a"}))
	k.Invoke("7", VerdictType.Of(Verdict{Transaction: "b", Alert: true}))
	wantReport(t, k, Report{Verdicts: 2, Alerts: 1})

	k.Invoke("7", VerdictType.Of(Verdict{Transaction: "b", Alert: true}))
	wantReport(t, k, Report{Verdicts: 2, Alerts: 1, Duplicates: 1})
	k.Invoke("7", repetitionType.Of(repetition{"c"}))
	wantReport(t, k, Report{Verdicts: 2, Alerts: 1, Duplicates: 2})

	got := maps.Collect(recorded.All(k.At("7")))
	if want := map[string]string{"a": "ok", "b": "alert"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	again := maps.Collect(repeated.All(k.At("7")))
	if want := map[string]int64{"b": 1, "c": 1}; !maps.Equal(again, want) {
		t.Errorf("came again: got %v, want %v", again, want)
	}
}

func TestLedgerReportsNothing(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newLedger())
	wantReport(t, k, Report{})
	wantNothingLeft(t, k, "7")
}

func TestLedgersShareTheWork(t *testing.T) {
	t.Parallel()
	all := AllLedgers()
	perLedger := map[string]int{}
	for i := range 6400 {
		ledger := LedgerOf(fmt.Sprint("1-", i))
		if !slices.Contains(all, ledger) {
			t.Fatalf("%v is none of the ledgers", ledger)
		}
		perLedger[ledger.ID]++
	}
	if len(all) != 64 || len(perLedger) != 64 {
		t.Errorf("%d ledgers, %d used", len(all), len(perLedger))
	}
}

func wantReport(t *testing.T, k *functionstest.Kit, want Report) {
	t.Helper()
	wantSent(t, k.Invoke("7", ReportQueryType.Of(ReportQuery{}), alice), to(toBoth[0], ReportType.Of(want)))
}
