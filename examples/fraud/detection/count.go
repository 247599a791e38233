package detection

import (
	"time"

	"github.com/statefun-go/statefun/functions"
)

// recentFrauds is what a count knows: nothing at all, or a number above 0.
var recentFrauds = functions.Value("recent-frauds", functions.Int64)

// expiration is what a count tells itself when a fraud has become too old.
type expiration struct {
	Transaction string `json:"transaction"`
}

var expirationType = functions.JSON[expiration]("fraud/Expiration")

// count counts the confirmed frauds of one account, of the last days only.
type count struct {
	window time.Duration
}

func newCount(window time.Duration) functions.Function {
	c := count{window}
	return functions.Function{
		Type:   Counts,
		States: []functions.State{recentFrauds},
		Handlers: []functions.Handler{
			functions.On(ConfirmationType, c.confirmed),
			functions.On(expirationType, c.expired),
			functions.On(countQueryType, c.asked),
		},
	}
}

// confirmed counts a fraud. The message that takes it out again is on its way at
// once: it arrives when the time has come, whatever happens to the node until then.
func (c count) confirmed(ctx functions.Context, in Confirmation) error {
	recentFrauds.Update(ctx, func(n int64) int64 { return n + 1 })
	ctx.SendAfter(c.window, ctx.Self(), expirationType.Of(expiration(in)))
	return nil
}

// expired forgets a fraud. After the last one nothing is left of the account.
func (c count) expired(ctx functions.Context, _ expiration) error {
	if n, _ := recentFrauds.Get(ctx); n > 1 {
		recentFrauds.Set(ctx, n-1)
	} else {
		recentFrauds.Clear(ctx)
	}
	return nil
}

func (c count) asked(ctx functions.Context, _ countQuery) error {
	ctx.Reply(fraudCountType.Of(fraudCount{recentFrauds.GetOr(ctx, 0)}))
	return nil
}
