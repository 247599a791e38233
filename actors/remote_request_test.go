package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions/protocol"
)

// No request waits for the next batch of the journal when all of its messages are
// durable: there may be none for long.
func TestRemoteRequestsDoNotWaitForAnEmptyBatch(t *testing.T) {
	for range 20 {
		t.Run("", func(t *testing.T) {
			s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				time.Sleep(time.Second) //nolint:forbidigo // fake time
				return nothing()
			})
			within(t, s.remote(Remote{}), func(n *node) {
				n.send("first", text("m")) // goes alone
				pass(2 * time.Second)
				const more = 25 // fewer than may be under way at once
				for i := range more {
					n.send(fmt.Sprint(i), text("m"))
				}
				pass(time.Millisecond)
				if s.count() != 1+more {
					n.t.Errorf("%d requests, want %d", s.count(), 1+more)
				}
			})
		})
	}
}
