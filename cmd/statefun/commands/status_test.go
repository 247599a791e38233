package commands

import (
	"strings"
	"testing"
	"time"

	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// Why an address waits is a sentence, with the time of the next attempt.
func TestWaitingLines(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	soon, past := now.Add(2300*time.Millisecond), now.Add(-time.Second)
	a := func(id string) functions.Address { return functions.TypeName("a/b").At(id) }
	s := &door.Status{Searching: true, Partial: true, Functions: map[functions.TypeName]door.FunctionStatus{
		"a/b": {
			Endpoint: "http://fns/{function.name}", Waiting: 1500, Worst: []door.WaitingAddress{
				{Address: a("x"), Reason: "its function server is away: refused", Until: &soon, Pending: 1200, Spilled: true},
				{Address: a("y"), Reason: "attempt 2 of 10 failed: 500", Until: &past, Pending: 1},
				{Address: a("z"), Reason: "its state cannot be read: damaged"},
			},
			Failing: &door.FailingStatus{Since: now.Add(-192 * time.Second), Error: "refused", Next: &soon},
		},
		"c/d": {In: 1},
	}}
	want := `a/b: no request to http://fns/{function.name} has succeeded since 03:00:53 (3m12s); the last one failed: refused, next attempt in 2.3s
a/b/x waits with 1,200 messages in memory and more on disk: its function server is away: refused, next attempt in 2.3s
a/b/y waits with 1 message: attempt 2 of 10 failed: 500, next attempt at once
a/b/z waits with 0 messages: its state cannot be read: damaged
a/b: 1,497 more of its addresses wait
there may be more: addresses whose messages wait since before the start are still being looked for
there may be more: a part of the node was too busy to say what waits`
	if got := strings.Join(waitingLines(s, now), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := waitingLines(&door.Status{}, now); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestDiskSentence(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]door.DiskStatus{
		"free space is not looked at": {Space: "ample"},
		"3.0 GiB free (1.0 MiB of that is yet to be written), 256.0 MiB are kept in reserve":                                                       {Space: "ample", Free: 3 << 30, Owed: 1 << 20, Reserve: 256 << 20},
		"200.0 MiB free: less than the reserve of 256.0 MiB, so messages from outside are refused until there is more":                             {Space: "low", Free: 200 << 20, Reserve: 256 << 20},
		"100.0 MiB free: less than half of the reserve of 256.0 MiB, so messages from outside are refused and functions pause until there is more": {Space: "scarce", Free: 100 << 20, Reserve: 256 << 20},
	} {
		if got := diskSentence(&d); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
