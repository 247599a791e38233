package detection

import (
	"math"

	"github.com/statefun-go/statefun/functions"
)

// The model is a logistic regression with fixed weights. Its instances are all
// the same: there are several so that several can work at a time.
func newModel() functions.Function {
	return functions.Function{
		Type:     Models,
		Handlers: []functions.Handler{functions.On(featuresType, assess)},
	}
}

func assess(ctx functions.Context, in features) error {
	ctx.Reply(assessmentType.Of(assessment{in.fraudProbability()}))
	return nil
}

// Weights of the model.
const (
	bias           = -8.0
	amountWeight   = 1.5 // per power of ten, in whole units of money
	fraudWeight    = 1.5 // per recent fraud, up to maxFrauds
	merchantWeight = 4.0
	maxFrauds      = 4
)

// fraudProbability is rounded to a thousandth, more would be pretence.
func (f features) fraudProbability() float64 {
	x := bias +
		amountWeight*math.Log10(1+float64(f.AmountCents)/100) +
		fraudWeight*float64(min(f.RecentFrauds, maxFrauds)) +
		merchantWeight*f.MerchantScore
	return math.Round(1000/(1+math.Exp(-x))) / 1000
}
