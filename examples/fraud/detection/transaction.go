package detection

import (
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// openTransaction is all that is known of a transaction while it is open.
type openTransaction struct {
	Transaction Transaction `json:"transaction"`
	// Callers wait for the verdict. A transaction from an ingress that nobody
	// waits at has none.
	Callers []functions.Address `json:"callers,omitempty"`
	// The two answers, nil until they are there.
	Count *fraudCount    `json:"count,omitempty"`
	Score *merchantScore `json:"score,omitempty"`
}

// open exists as long as a transaction has not been decided.
var open = functions.Value("open", functions.JSON[openTransaction]("fraud/OpenTransaction"))

// transaction decides about one transaction.
type transaction struct {
	threshold float64
}

func newTransaction(threshold float64) functions.Function {
	t := transaction{threshold}
	return functions.Function{
		Type:   Transactions,
		States: []functions.State{open},
		Handlers: []functions.Handler{
			functions.On(TransactionType, t.received),
			functions.On(fraudCountType, t.counted),
			functions.On(merchantScoreType, t.scored),
			functions.On(assessmentType, t.assessed),
		},
	}
}

// received asks the account's count and the merchant. Their answers come in any
// order, as messages; nothing waits for them.
func (t transaction) received(ctx functions.Context, in Transaction) error {
	if err := in.validate(); err != nil {
		return functions.Permanent(err) // it would not be better next time
	}
	o, again := open.Get(ctx)
	if caller, ok := ctx.Caller(); ok {
		o.Callers = append(o.Callers, caller)
	}
	if again { // it is being decided already, once is enough
		open.Set(ctx, o)
		ctx.Send(LedgerOf(ctx.Self().ID), repetitionType.Of(repetition{ctx.Self().ID}))
		return nil
	}
	o.Transaction = in
	open.Set(ctx, o)
	ctx.Send(Counts.At(in.Account), countQueryType.Of(countQuery{}))
	ctx.Send(Merchants.At(in.Merchant), scoreQueryType.Of(scoreQuery{}))
	return nil
}

func (t transaction) counted(ctx functions.Context, in fraudCount) error {
	return t.join(ctx, func(o *openTransaction) { o.Count = &in })
}

func (t transaction) scored(ctx functions.Context, in merchantScore) error {
	return t.join(ctx, func(o *openTransaction) { o.Score = &in })
}

// join notes an answer. When both are there they go to the model.
func (t transaction) join(ctx functions.Context, note func(*openTransaction)) error {
	o, ok := open.Get(ctx)
	if !ok {
		ctx.Count("stray_answers", 1) // nobody asked
		return nil
	}
	note(&o)
	open.Set(ctx, o)
	if o.Count != nil && o.Score != nil {
		ctx.Send(modelFor(ctx.Self().ID), featuresType.Of(features{
			AmountCents:   o.Transaction.AmountCents,
			RecentFrauds:  o.Count.Frauds,
			MerchantScore: o.Score.Score,
		}))
	}
	return nil
}

// assessed decides. Everything here happens, or nothing: the state is gone, the
// ledger knows, the alert is out, whoever waits is told.
func (t transaction) assessed(ctx functions.Context, in assessment) error {
	o, ok := open.Get(ctx)
	if !ok || o.Score == nil {
		ctx.Count("stray_answers", 1)
		return nil
	}
	open.Clear(ctx)
	verdict := Verdict{
		Transaction:      ctx.Self().ID,
		FraudProbability: in.FraudProbability,
		Alert:            in.FraudProbability > t.threshold,
		ScoreIsDefault:   o.Score.IsDefault,
	}
	ctx.Send(LedgerOf(verdict.Transaction), VerdictType.Of(verdict))
	if verdict.Alert {
		ctx.Send(Alerts, AlertType.Of(o.alert(verdict)))
	}
	for _, caller := range o.Callers {
		ctx.Send(caller, VerdictType.Of(verdict))
	}
	return nil
}

func (o openTransaction) alert(v Verdict) Alert {
	return Alert{
		Transaction:      v.Transaction,
		Account:          o.Transaction.Account,
		Merchant:         o.Transaction.Merchant,
		AmountCents:      o.Transaction.AmountCents,
		FraudProbability: v.FraudProbability,
	}
}

// validate reports what is wrong with a transaction, nil if nothing is.
func (t Transaction) validate() error {
	switch {
	case t.Account == "":
		return errors.New("detection: transaction without an account")
	case t.Merchant == "":
		return errors.New("detection: transaction without a merchant")
	case t.AmountCents <= 0:
		return fmt.Errorf("detection: transaction of %d cents, must be more than 0", t.AmountCents)
	}
	return nil
}
