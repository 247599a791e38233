//go:build e2e

package sdks

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// A chain of four functions: each is run once for each message, and in order. COMPAT
// 23, 25, 37, 85.
func TestChain(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		const chains = 100
		n := running(t, s.serving(t, "sum:int").endpoint())
		var want []string
		for i := range int64(chains) {
			text := fmt.Sprint("chain ", i)
			last := []op{add("sum", i), emit(text)}
			n.tell(s, "a", add("sum", i), send(s, "b", add("sum", i), send(s, "c", add("sum", i), send(s, "d", last...))))
			want = append(want, text)
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			n.becomes(s.function("program"), id, "sum", chains*(chains-1)/2)
		}
		until(t, "all records are out", func() (bool, any) {
			got := n.texts(outFile, "d")
			return len(got) >= chains, len(got)
		})
		if got := n.texts(outFile, ""); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		n.clean()
	})
}

// What is delayed comes when it is due, also after a kill, and what was cancelled does
// not. COMPAT 28, 29, 30, 32, 33, 34.
func TestDelays(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		const late, cancelled = 2200, 2000 // ms
		n := running(t, s.serving(t, "sum:int").endpoint())
		begun := time.Now()
		n.tell(s, "a",
			after(late, "", s, "a", emit("late")),
			after(cancelled, "u", s, "a", emit("cancelled")),
			after(0, "t", s, "a", emit("cancelled at once")), cancel("t"),
			after(100, "v", s, "a", emit("soon")),
			after(0, "", s, "a", emit("zero")),
		)
		n.tell(s, "a", cancel("u"), cancel("unknown"))
		until(t, "the first records are out", func() (bool, any) {
			got := n.texts(outFile, "a")
			return len(got) >= 2, got
		})
		n.tell(s, "a", cancel("v"), add("sum", 1)) // it has fired
		n.becomes(s.function("program"), "a", "sum", 1)
		n.process.Kill()
		n.start()
		until(t, "the last record is out", func() (bool, any) {
			got := n.texts(outFile, "a")
			return slices.Contains(got, "late"), got
		})
		if d := time.Since(begun); d < late*time.Millisecond {
			t.Errorf("a delay of %d ms took %v", late, d)
		}
		if got, want := n.texts(outFile, ""), []string{"zero", "soon", "late"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		n.clean()
	})
}

// States are set, cleared and set again; one that is 0 is there. COMPAT 10, 11.
func TestStates(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		n := running(t, s.serving(t, "one:int", "two:int").endpoint())
		for i, c := range []struct {
			ops []op
			one string
		}{
			{nil, "absent"},
			{[]op{set("one", 0)}, "0"},
			{[]op{set("two", 7)}, "0"},
			{[]op{set("one", -1)}, "-1"},
			{[]op{clearing("one")}, "absent"},
			{[]op{clearing("one")}, "absent"},
			{[]op{clearing("one"), set("one", 5)}, "5"},
			{[]op{set("one", 6), clearing("one")}, "absent"},
			{[]op{add("one", 3)}, "3"},
		} {
			if got := n.ask(s, "a", append(c.ops, reply("one"))...); got != c.one {
				t.Errorf("step %d: one is %s at once, want %s", i, got, c.one)
			}
			if i == 4 {
				n.process.Kill()
				n.start()
			}
			if got := n.ask(s, "a", reply("one")); got != c.one {
				t.Errorf("step %d: one is %s afterwards, want %s", i, got, c.one)
			}
		}
		if got := n.ask(s, "a", reply("two")); got != "7" {
			t.Errorf("two is %s", got)
		}
	})
}

// A state that expires after it was written is not kept alive by invocations, one that
// expires after an invocation is, and time passes while the runtime is down. COMPAT 14,
// 15, 16.
func TestExpiration(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		const ms, ttl = 600, 600 * time.Millisecond
		n := running(t, s.serving(t, fmt.Sprint("lease:int:write:", ms), fmt.Sprint("seat:int:call:", ms)).endpoint())

		// The clocks are the same, the states' times are whole milliseconds.
		const slack = 2 * time.Millisecond
		before := time.Now()
		n.ask(s, "lease", set("lease", 1), reply("lease"))
		written := time.Now()
		until(t, "the lease has expired", func() (bool, any) {
			asked := time.Now()
			got := n.ask(s, "lease", reply("lease"))
			switch {
			case got == "absent" && time.Since(before) < ttl-slack:
				t.Errorf("the lease was gone %v after it was written", time.Since(before))
			case got != "absent" && asked.Sub(written) > ttl+slack:
				t.Errorf("the lease was there %v after it was written", asked.Sub(written))
			}
			return got == "absent" || t.Failed(), got
		})

		last := time.Now()
		n.ask(s, "seat", set("seat", 1), reply("seat"))
		for begun := time.Now(); time.Since(begun) < 3*ttl; {
			asked := time.Now()
			if got := n.ask(s, "seat", reply("seat")); got == "absent" {
				if time.Since(last) < ttl-slack {
					t.Fatalf("the seat was gone %v after an invocation", time.Since(last))
				}
				begun = time.Now() // this machine was too slow
				n.ask(s, "seat", set("seat", 1), reply("seat"))
			}
			last = asked
		}
		until(t, "the seat has expired", func() (bool, any) {
			_, present, err := n.state(s.function("program"), "seat", "seat")
			return !present && err == nil, err
		})
		if d := time.Since(last); d < ttl-slack {
			t.Errorf("the seat was gone %v after the last invocation", d)
		}

		n.ask(s, "seat", set("seat", 1), set("lease", 1), reply("seat"))
		written = time.Now()
		n.process.Kill()
		until(t, "a while has passed", func() (bool, any) { return time.Since(written) > ttl+slack, nil })
		n.start()
		for _, state := range []string{"seat", "lease"} {
			if got := n.ask(s, "seat", reply(state)); got != "absent" {
				t.Errorf("the %s has survived %v: %s", state, time.Since(written), got)
			}
		}
	})
}

// A client that waits is the caller of the function, and gets the SDK's reply.
func TestCall(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		n := running(t, s.serving(t, "sum:int").endpoint())
		path := at(s.function("program"), "a")
		for i, want := range []string{"5", "10", "15"} {
			if got := n.ask(s, "a", add("sum", 5), reply("sum")); got != want {
				t.Errorf("call %d: got %s, want %s", i, got, want)
			}
		}
		// The same key is the same call, after a kill too. It answers as JSON if wanted.
		value, key := n.number(s, "a", []op{add("sum", 5), reply("sum")})
		header := contentType(programType)
		header.Set("Idempotency-Key", key)
		header.Set("Accept", "application/json")
		for range 2 {
			status, answer, err := n.request(http.MethodPost, path+"?call", value, header)
			if err != nil || status != http.StatusOK || string(answer) != `"20"` {
				t.Errorf("status %d: %s, %v", status, answer, err)
			}
			n.process.Kill()
			n.start()
		}
		// Who does not reply is waited for in vain, and has done its work.
		value, _ = n.number(s, "a", []op{add("sum", 5)})
		status, answer, err := n.request(http.MethodPost, path+"?call&timeout=50ms", value, contentType(programType))
		if err != nil || status != http.StatusGatewayTimeout {
			t.Errorf("status %d: %s, %v", status, answer, err)
		}
		n.becomes(s.function("program"), "a", "sum", 25)

		// A reply to a function is a message to that function, not to the client.
		value, _ = n.number(s, "b", []op{send(s, "a", reply("sum"))})
		status, answer, err = n.request(http.MethodPost, at(s.function("program"), "b")+"?call&timeout=500ms", value, contentType(programType))
		if err != nil || status != http.StatusGatewayTimeout {
			t.Errorf("status %d: %s, %v", status, answer, err)
		}
		status, answer, err = n.request(http.MethodPost, "/nobody/program/a?call", value, contentType(functions.String.Name()))
		if err != nil || status != http.StatusNotFound {
			t.Errorf("status %d: %s, %v", status, answer, err)
		}
	})
}
