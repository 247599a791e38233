package detection

import (
	"testing"

	"github.com/statefun-go/statefun/functions/functionstest"
)

func TestModelReplies(t *testing.T) {
	t.Parallel()
	f := features{AmountCents: 99_900, RecentFrauds: 2, MerchantScore: 0.5}
	k := functionstest.New(t, newModel())
	wantSent(t, k.Invoke("0", featuresType.Of(f), alice), to(toBoth[0], assessmentType.Of(assessment{f.fraudProbability()})))
	wantNothingLeft(t, k, "0")
}

func TestModel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		features
		want float64
	}{
		{features{AmountCents: 900, RecentFrauds: 0, MerchantScore: 0}, 0.002},
		{features{AmountCents: 99_900, RecentFrauds: 0, MerchantScore: 1}, 0.622},
		{features{AmountCents: 99_900, RecentFrauds: 2, MerchantScore: 0.5}, 0.818},
		{features{AmountCents: 99_900, RecentFrauds: 4, MerchantScore: 1}, 0.998},
		{features{AmountCents: 99_900, RecentFrauds: 400, MerchantScore: 1}, 0.998},
	} {
		if got := test.fraudProbability(); got != test.want {
			t.Errorf("%+v: got %v, want %v", test.features, got, test.want)
		}
	}
}

// More of anything is more suspicious.
func TestModelIsMonotonic(t *testing.T) {
	t.Parallel()
	f := features{AmountCents: 10_000, RecentFrauds: 1, MerchantScore: 0.5}
	base := f.fraudProbability()
	for _, more := range []features{{20_000, 1, 0.5}, {10_000, 2, 0.5}, {10_000, 1, 0.6}} {
		if got := more.fraudProbability(); got <= base {
			t.Errorf("%+v: %v, with less it was %v", more, got, base)
		}
	}
}
