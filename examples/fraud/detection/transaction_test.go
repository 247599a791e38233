package detection

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

var (
	purchase    = Transaction{Account: "alice", Merchant: "globex", AmountCents: 4200}
	someCount   = fraudCountType.Of(fraudCount{2})
	someScore   = score(0.5)
	ledger      = LedgerOf("tx")
	model       = modelFor("tx")
	wantedModel = to(model, featuresType.Of(features{4200, 2, 0.5}))
)

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

func TestTransactionAsks(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newTransaction(0.5))
	wantSent(t, k.Invoke("tx", TransactionType.Of(purchase)),
		to(Counts.At("alice"), countQueryType.Of(countQuery{})),
		to(Merchants.At("globex"), scoreQueryType.Of(scoreQuery{})))
}

// The two answers may come in any order: the result is the same.
func TestTransactionJoins(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][2]functions.Message{
		"count first": {someCount, someScore},
		"score first": {someScore, someCount},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := functionstest.New(t, newTransaction(0.5))
			k.Invoke("tx", TransactionType.Of(purchase))
			wantSent(t, k.Invoke("tx", answers[0]))
			wantSent(t, k.Invoke("tx", answers[1]), wantedModel)
		})
	}
}

func TestTransactionDecides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		probability float64
		alert       bool
	}{{0.49, false}, {0.5, false}, {0.501, true}} {
		t.Run(fmt.Sprint(test.probability), func(t *testing.T) {
			t.Parallel()
			k := functionstest.New(t, newTransaction(0.5))
			k.Invoke("tx", TransactionType.Of(purchase), alice)
			k.Invoke("tx", someCount)
			k.Invoke("tx", someScore)
			eff := k.Invoke("tx", assessmentType.Of(assessment{test.probability}))

			verdict := VerdictType.Of(Verdict{Transaction: "tx", FraudProbability: test.probability, Alert: test.alert})
			wantSent(t, eff, to(ledger, verdict), to(toBoth[0], verdict))
			var want []functionstest.Emitted
			if test.alert {
				want = []functionstest.Emitted{{To: Alerts, Message: AlertType.Of(Alert{"tx", "alice", "globex", 4200, test.probability})}}
			}
			if !reflect.DeepEqual(eff.Egress, want) {
				t.Errorf("got %v, want %v", eff.Egress, want)
			}
			wantNothingLeft(t, k, "tx")
		})
	}
}

func TestTransactionOfADefaultScoreSaysSo(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newTransaction(0.5))
	k.Invoke("tx", TransactionType.Of(purchase))
	k.Invoke("tx", merchantScoreType.Of(merchantScore{Score: 0.5, IsDefault: true}))
	wantSent(t, k.Invoke("tx", someCount), wantedModel)
	wantSent(t, k.Invoke("tx", assessmentType.Of(assessment{0.1})),
		to(ledger, VerdictType.Of(Verdict{Transaction: "tx", FraudProbability: 0.1, ScoreIsDefault: true})))
}

// A transaction that comes again while it is open is decided once, and everybody
// who asked is told.
func TestTransactionComesAgain(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newTransaction(0.5))
	k.Invoke("tx", TransactionType.Of(purchase), alice)
	k.Invoke("tx", someCount)
	wantSent(t, k.Invoke("tx", TransactionType.Of(purchase), bob), to(ledger, repetitionType.Of(repetition{"tx"})))
	wantSent(t, k.Invoke("tx", someScore), wantedModel)
	verdict := VerdictType.Of(Verdict{Transaction: "tx", FraudProbability: 0.1})
	wantSent(t, k.Invoke("tx", assessmentType.Of(assessment{0.1})), append([]functionstest.Sent{to(ledger, verdict)}, toAll(toBoth, verdict)...)...)
}

func TestTransactionIgnoresStrayAnswers(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newTransaction(0.5))
	for _, m := range []functions.Message{someCount, someScore, assessmentType.Of(assessment{0.9})} {
		wantSent(t, k.Invoke("tx", m))
	}
	wantNothingLeft(t, k, "tx")
	k.Invoke("tx", TransactionType.Of(purchase))
	wantSent(t, k.Invoke("tx", assessmentType.Of(assessment{0.9}))) // before it was asked for
	if eff := k.Effects(); eff.Counters["stray_answers"] != 4 || len(eff.Egress) > 0 {
		t.Errorf("got %+v", eff)
	}
}

func TestTransactionRefusesNonsense(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newTransaction(0.5))
	for want, in := range map[string]Transaction{
		"without an account": {Merchant: "m", AmountCents: 1},
		"without a merchant": {Account: "a", AmountCents: 1},
		"of 0 cents":         {Account: "a", Merchant: "m"},
	} {
		err := k.MustFail("tx", TransactionType.Of(in))
		if !errors.Is(err, functions.ErrPermanent) || !containsAll(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	wantNothingLeft(t, k, "tx")
}
