package detection

import "github.com/statefun-go/statefun/functions"

// What a ledger knows: each transaction and how it ended, those that came again
// and how often, and the sums.
var (
	recorded = functions.Map(RecordedState, functions.String)
	repeated = functions.Map(RepeatedState, functions.Int64)
	totals   = functions.Value("totals", ReportType)
)

// The names of the states, for those who audit the books entry by entry.
const (
	RecordedState = "recorded"
	RepeatedState = "repeated"
)

// How a transaction ends, as recorded.
const (
	OutcomeOK    = "ok"
	OutcomeAlert = "alert"
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
		States: []functions.State{recorded, repeated, totals},
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
	outcome, alerts := OutcomeOK, int64(0)
	if in.Alert {
		outcome, alerts = OutcomeAlert, 1
	}
	recorded.Set(ctx, in.Transaction, outcome)
	totals.Update(ctx, func(r Report) Report { return r.Plus(Report{Verdicts: 1, Alerts: alerts}) })
	return nil
}

func recordRepetition(ctx functions.Context, in repetition) error {
	ctx.Logger().Warn("a transaction came again", "transaction", in.Transaction)
	n, _ := repeated.Get(ctx, in.Transaction)
	repeated.Set(ctx, in.Transaction, n+1)
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
