package detection

import "github.com/statefun-go/statefun/functions"

// The functions, by type: Counts.At("alice") is the address of alice's.
const (
	Transactions functions.TypeName = "fraud/transaction"
	Counts       functions.TypeName = "fraud/count"
	Merchants    functions.TypeName = "fraud/merchant"
	Models       functions.TypeName = "fraud/model"
	Ledgers      functions.TypeName = "fraud/ledger"
)

// Alerts is where an [Alert] goes for each transaction that is probably a fraud.
const Alerts functions.Egress = "fraud/alerts"

// What comes in and goes out. All messages of the application are JSON.
type (
	// Transaction is a payment by card. It is sent to the transaction's id.
	Transaction struct {
		Account     string `json:"account"`
		Merchant    string `json:"merchant"`
		AmountCents int64  `json:"amountCents"`
	}

	// Confirmation says that a transaction of an account was a fraud indeed. It is
	// sent to the account's count.
	Confirmation struct {
		Transaction string `json:"transaction"`
	}

	// Verdict is what was decided about a transaction.
	Verdict struct {
		Transaction      string  `json:"transaction"`
		FraudProbability float64 `json:"fraudProbability"`
		Alert            bool    `json:"alert"`
		// ScoreIsDefault says that the merchant's score could not be had in time.
		ScoreIsDefault bool `json:"scoreIsDefault,omitempty"`
	}

	// Alert is a transaction that is probably a fraud.
	Alert struct {
		Transaction      string  `json:"transaction"`
		Account          string  `json:"account"`
		Merchant         string  `json:"merchant"`
		AmountCents      int64   `json:"amountCents"`
		FraudProbability float64 `json:"fraudProbability"`
	}

	// ReportQuery asks a ledger for its Report.
	ReportQuery struct{}

	// Report is the sum of what a ledger has recorded.
	Report struct {
		// Verdicts counts transactions, Alerts those with an alert.
		Verdicts int64 `json:"verdicts"`
		Alerts   int64 `json:"alerts"`
		// Duplicates counts the transactions that came again.
		Duplicates int64 `json:"duplicates"`
	}
)

// What the functions say to each other.
type (
	// countQuery asks a count, which replies with a fraudCount.
	countQuery struct{}

	fraudCount struct {
		Frauds int64 `json:"frauds"`
	}

	// scoreQuery asks a merchant, which replies with a merchantScore.
	scoreQuery struct{}

	merchantScore struct {
		Score     float64 `json:"score"`
		IsDefault bool    `json:"isDefault,omitempty"`
	}

	// features asks the model, which replies with an assessment.
	features struct {
		AmountCents   int64   `json:"amountCents"`
		RecentFrauds  int64   `json:"recentFrauds"`
		MerchantScore float64 `json:"merchantScore"`
	}

	assessment struct {
		FraudProbability float64 `json:"fraudProbability"`
	}

	// repetition tells a ledger that a transaction came in again.
	repetition struct {
		Transaction string `json:"transaction"`
	}
)

// The types of messages: TransactionType.Of(t) is the message of a Transaction t.
var (
	TransactionType  = functions.JSON[Transaction]("fraud/Transaction")
	ConfirmationType = functions.JSON[Confirmation]("fraud/Confirmation")
	VerdictType      = functions.JSON[Verdict]("fraud/Verdict")
	AlertType        = functions.JSON[Alert]("fraud/Alert")
	ReportQueryType  = functions.JSON[ReportQuery]("fraud/ReportQuery")
	ReportType       = functions.JSON[Report]("fraud/Report")

	countQueryType    = functions.JSON[countQuery]("fraud/CountQuery")
	fraudCountType    = functions.JSON[fraudCount]("fraud/FraudCount")
	scoreQueryType    = functions.JSON[scoreQuery]("fraud/ScoreQuery")
	merchantScoreType = functions.JSON[merchantScore]("fraud/MerchantScore")
	featuresType      = functions.JSON[features]("fraud/Features")
	assessmentType    = functions.JSON[assessment]("fraud/Assessment")
	repetitionType    = functions.JSON[repetition]("fraud/Repetition")
)
