package detection

import (
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions/functionstest"
)

const day = 24 * time.Hour

// wantCount asks alice's count, and checks what it replies.
func wantCount(t *testing.T, k *functionstest.Kit, want int64) {
	t.Helper()
	wantSent(t, k.Invoke("alice", countQueryType.Of(countQuery{}), alice), to(toBoth[0], fraudCountType.Of(fraudCount{want})))
}

func TestCountForgetsAfterTheWindow(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newCount(30*day))
	wantCount(t, k, 0)
	wantNothingLeft(t, k, "alice") // asking leaves no trace

	k.Invoke("alice", ConfirmationType.Of(Confirmation{"tx-1"}))
	k.Advance(10 * day)
	k.Invoke("alice", ConfirmationType.Of(Confirmation{"tx-2"}))
	wantCount(t, k, 2)

	k.Advance(20*day - 1)
	wantCount(t, k, 2)
	k.Advance(1)
	wantCount(t, k, 1)
	k.Advance(10 * day)
	wantCount(t, k, 0)
	wantNothingLeft(t, k, "alice")
}

func TestCountIsPerAccount(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newCount(time.Minute))
	k.Invoke("bob", ConfirmationType.Of(Confirmation{"tx-1"}))
	wantCount(t, k, 0)
}

// An expiration too many (state was purged, say) does not make the count negative.
func TestCountStaysAboveZero(t *testing.T) {
	t.Parallel()
	k := functionstest.New(t, newCount(time.Minute))
	k.Invoke("alice", expirationType.Of(expiration{"tx-1"}))
	wantNothingLeft(t, k, "alice")
}
