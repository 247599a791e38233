package detection

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// thirdParty is a scoring service that does what it is told.
type thirdParty struct {
	server   *httptest.Server
	requests int
	down     bool
	score    float64
}

func newThirdParty(t *testing.T) *thirdParty {
	t.Helper()
	p := &thirdParty{score: 0.25}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

func (p *thirdParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests++
	if p.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintf(w, `{"merchant":%q,"score":%v}`, r.URL.Query().Get("merchant"), p.score)
}

// kit makes a Kit of a merchant that asks the third party.
func (p *thirdParty) kit(t *testing.T, cfg Config) *functionstest.Kit {
	t.Helper()
	cfg.ScoringURL = p.server.URL
	cfg.HTTPClient = p.server.Client()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	return functionstest.New(t, newMerchant(cfg))
}

func query() functions.Message { return scoreQueryType.Of(scoreQuery{}) }

func score(v float64) functions.Message { return merchantScoreType.Of(merchantScore{Score: v}) }

func TestMerchantAsksOnceForAll(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t)
	k := p.kit(t, Config{})
	for _, caller := range []functionstest.InvokeOption{alice, bob} {
		wantSent(t, k.Invoke("globex", query(), caller))
	}
	if p.requests != 0 {
		t.Error("the work ran before the invocation was over")
	}
	wantSent(t, k.Advance(0), toAll(toBoth, score(0.25))...)
	if p.requests != 1 {
		t.Errorf("%d requests for two callers", p.requests)
	}
	if names := fmt.Sprint(k.States("globex")); names != "[score]" {
		t.Errorf("left %s", names)
	}
}

func TestMerchantRemembersForAWhile(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t)
	k := p.kit(t, Config{ScoreTTL: time.Hour})
	k.Invoke("globex", query(), alice)
	k.Advance(0)

	p.score = 0.75
	k.Advance(time.Hour - 1)
	wantSent(t, k.Invoke("globex", query(), alice), to(toBoth[0], score(0.25)))
	k.Advance(1)
	wantNothingLeft(t, k, "globex")
	wantSent(t, k.Invoke("globex", query(), alice))
	wantSent(t, k.Advance(0), to(toBoth[0], score(0.75)))
	if p.requests != 2 {
		t.Errorf("%d requests", p.requests)
	}
}

func TestMerchantAsksAgain(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t)
	p.down = true
	k := p.kit(t, Config{ScoreRetryDelay: time.Second})
	k.Invoke("globex", query(), alice)
	wantSent(t, k.Advance(0))
	k.Invoke("globex", query(), bob) // joins those who wait
	wantSent(t, k.Advance(time.Second-1))
	if p.requests != 1 {
		t.Errorf("%d requests before the delay was over", p.requests)
	}
	wantSent(t, k.Advance(1))
	p.down = false
	wantSent(t, k.Advance(2*time.Second), toAll(toBoth, score(0.25))...)
	if p.requests != 3 {
		t.Errorf("%d requests", p.requests)
	}
	if got := k.Effects().Counters["scoring_failures"]; got != 2 {
		t.Errorf("counted %d failures", got)
	}
}

func TestMerchantGivesUp(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t)
	p.down = true
	k := p.kit(t, Config{ScoreAttempts: 3, ScoreRetryDelay: time.Second, DefaultScore: 0.4})
	k.Invoke("globex", query(), alice)
	k.Invoke("globex", query(), bob)
	wantSent(t, k.Advance(3*time.Second), toAll(toBoth, merchantScoreType.Of(merchantScore{Score: 0.4, IsDefault: true}))...)
	wantNothingLeft(t, k, "globex") // a default is not remembered
	if p.requests != 3 || k.Effects().Counters["default_scores"] != 1 {
		t.Errorf("%d requests, counted %v", p.requests, k.Effects().Counters)
	}

	p.down = false
	k.Invoke("globex", query(), alice)
	wantSent(t, k.Advance(0), to(toBoth[0], score(0.25)))
}

// A crash while the service is being asked costs an attempt, nothing else.
func TestMerchantAfterACrash(t *testing.T) {
	t.Parallel()
	p := newThirdParty(t)
	k := p.kit(t, Config{ScoreRetryDelay: time.Second})
	k.Invoke("globex", query(), alice)
	k.Crash()
	wantSent(t, k.Advance(0))
	if p.requests != 0 || len(k.Pending()) != 1 {
		t.Errorf("%d requests, pending %v", p.requests, k.Pending())
	}
	wantSent(t, k.Advance(time.Second), to(toBoth[0], score(0.25)))
}

func TestMerchantDelays(t *testing.T) {
	t.Parallel()
	m := merchant{retryDelay: time.Second}
	for attempt, want := range map[int64]time.Duration{1: 1, 2: 2, 3: 4, 7: 64, 8: 64, 1 << 40: 64} {
		if got := m.delay(attempt); got != want*time.Second {
			t.Errorf("after attempt %d: %v, want %v s", attempt, got, int64(want))
		}
	}
}

func TestMerchantNeedsACaller(t *testing.T) {
	t.Parallel()
	err := newThirdParty(t).kit(t, Config{}).MustFail("globex", query())
	if !errors.Is(err, errNobodyAsks) || !errors.Is(err, functions.ErrPermanent) {
		t.Errorf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]Config{
		"ScoringURL":      {ScoringURL: "localhost"},
		"FraudWindow":     {FraudWindow: -1},
		"ScoreTTL":        {ScoreTTL: -1},
		"ScoreAttempts":   {ScoreAttempts: -1},
		"ScoreRetryDelay": {ScoreRetryDelay: -1},
		"Threshold":       {Threshold: 50},
		"DefaultScore":    {DefaultScore: -0.5},
	} {
		cfg.ScoringURL = cmp.Or(cfg.ScoringURL, "http://localhost")
		if _, err := New(cfg); err == nil || !containsAll(err.Error(), "detection: "+field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
