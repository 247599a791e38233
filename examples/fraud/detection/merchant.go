package detection

import (
	"context"
	"errors"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/scoring"
	"github.com/statefun-go/statefun/functions"
)

// waiting are the callers who are to get the score once it is there. Somebody
// waits exactly while the service is being asked, or is about to be asked again.
var waiting = functions.List("waiting", functions.JSON[functions.Address]("fraud/Address"))

// askService is the work that merchants do not wait for. They want to know again
// how often they have asked; the result is the score.
var askService = functions.Async("ask-service", functions.Int64, functions.Double)

// askAgain is what a merchant tells itself some time after the service failed.
type askAgain struct {
	Attempt int64 `json:"attempt"`
}

var (
	askAgainType = functions.JSON[askAgain]("fraud/AskAgain")

	errNobodyAsks = errors.New("detection: a score query without a caller to reply to")
)

// merchant knows the score of one merchant, for a while.
type merchant struct {
	service      *scoring.Client
	attempts     int64
	retryDelay   time.Duration
	defaultScore float64

	// score disappears when it has become too old. It is declared here because
	// its age is a matter of configuration.
	score *functions.ValueState[float64]
}

func newMerchant(cfg Config) functions.Function {
	m := merchant{
		service:      cfg.scoring(),
		attempts:     int64(cfg.ScoreAttempts),
		retryDelay:   cfg.ScoreRetryDelay,
		defaultScore: cfg.DefaultScore,
		score:        functions.Value("score", functions.Double).ExpireAfterWrite(cfg.ScoreTTL),
	}
	return functions.Function{
		Type:   Merchants,
		States: []functions.State{m.score, waiting},
		Handlers: []functions.Handler{
			functions.On(scoreQueryType, m.asked),
			functions.OnResult(askService, m.answered),
			functions.On(askAgainType, m.again),
		},
	}
}

// asked replies at once with a score that is known. Otherwise the caller joins
// those who wait, and the first of them makes the merchant ask the service.
func (m merchant) asked(ctx functions.Context, _ scoreQuery) error {
	caller, ok := ctx.Caller()
	if !ok {
		return functions.Permanent(errNobodyAsks)
	}
	if score, ok := m.score.Get(ctx); ok {
		ctx.Reply(merchantScoreType.Of(merchantScore{Score: score}))
		return nil
	}
	first := waiting.Len(ctx) == 0
	waiting.Append(ctx, caller)
	if first {
		m.ask(ctx, 1)
	}
	return nil
}

// ask starts an attempt to get the score from the service.
func (m merchant) ask(ctx functions.Context, attempt int64) {
	id := ctx.Self().ID // the work takes along what it needs
	askService.Start(ctx, attempt, func(ctx context.Context) (float64, error) {
		return m.service.Score(ctx, id)
	})
}

// answered hands the score on. If there is none, because the service failed or
// the node crashed while asking, it asks again, a limited number of times: asking
// twice does no harm.
func (m merchant) answered(ctx functions.Context, r functions.Result[int64, float64]) error {
	switch {
	case r.Status == functions.AsyncSuccess:
		m.score.Set(ctx, r.Value)
		m.tell(ctx, merchantScore{Score: r.Value})
	case r.Metadata < m.attempts:
		ctx.Count("scoring_failures", 1)
		ctx.Logger().Debug("no score, asking again", "attempt", r.Metadata, "status", r.Status, "error", r.Err)
		ctx.SendAfter(m.delay(r.Metadata), ctx.Self(), askAgainType.Of(askAgain{r.Metadata + 1}))
	default:
		ctx.Count("scoring_failures", 1)
		ctx.Count("default_scores", 1)
		m.tell(ctx, merchantScore{Score: m.defaultScore, IsDefault: true})
	}
	return nil
}

func (m merchant) again(ctx functions.Context, in askAgain) error {
	m.ask(ctx, in.Attempt)
	return nil
}

// tell answers all who wait.
func (m merchant) tell(ctx functions.Context, s merchantScore) {
	for _, caller := range waiting.All(ctx) {
		ctx.Send(caller, merchantScoreType.Of(s))
	}
	waiting.Clear(ctx)
}

// delay is the time between an attempt and the next one. It doubles six times.
func (m merchant) delay(attempt int64) time.Duration {
	return m.retryDelay << min(attempt-1, 6)
}
