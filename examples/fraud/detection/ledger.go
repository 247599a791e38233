package detection

import "github.com/statefun-go/statefun/functions"

// What a ledger knows: each transaction and how it ended, and the sums.
var (
	recorded = functions.Map("recorded", functions.String)
	totals   = functions.Value("totals", ReportType)
)

// How a transaction ends, as recorded.
const (
	outcomeOK    = "ok"
	outcomeAlert = "alert"
)

// newLedger makes the function that keeps the books: what was decided about each
// transaction, and how often one came again, which it does only if somebody sends
// it again. The runtime repeats nothing, and it takes a ledger to show it.
//
// Ledgers forget nothing, so that everything can be audited. An application that
// only wants to recognise what it saw lately would give the map an expiration.
func newLedger() functions.Function {
	return functions.Function{
		Type:   Ledgers,
		States: []functions.State{recorded, totals},
		Handlers: []functions.Handler{
			functions.On(VerdictType, record),
			functions.On(repetitionType, recordRepetition),
			functions.On(ReportQueryType, report),
		},
	}
}

// record enters a verdict. The first one counts.
func record(ctx functions.Context, in Verdict) error {
	if _, ok := recorded.Get(ctx, in.Transaction); ok {
		return recordRepetition(ctx, repetition{in.Transaction})
	}
	outcome, alerts := outcomeOK, int64(0)
	if in.Alert {
		outcome, alerts = outcomeAlert, 1
	}
	recorded.Set(ctx, in.Transaction, outcome)
	totals.Update(ctx, func(r Report) Report { return r.Plus(Report{Verdicts: 1, Alerts: alerts}) })
	return nil
}

func recordRepetition(ctx functions.Context, in repetition) error {
	ctx.Logger().Warn("a transaction came again", "transaction", in.Transaction)
	totals.Update(ctx, func(r Report) Report { return r.Plus(Report{Duplicates: 1}) })
	return nil
}

func report(ctx functions.Context, _ ReportQuery) error {
	r, _ := totals.Get(ctx)
	ctx.Reply(ReportType.Of(r))
	return nil
}

// Plus is the sum of two reports.
func (r Report) Plus(more Report) Report {
	return Report{r.Verdicts + more.Verdicts, r.Alerts + more.Alerts, r.Duplicates + more.Duplicates}
}
