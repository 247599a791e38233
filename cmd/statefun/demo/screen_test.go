package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/generator"
)

func TestScreenDrawsInPlace(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newScreen(&b)
	if s.live {
		t.Error("a buffer is a terminal")
	}
	s.draw([]string{"one", strings.Repeat("x", 200)})
	s.Printf("above\n")
	s.draw([]string{"two"})
	s.draw([]string{"three"})
	s.leave()
	s.Printf("below\n")
	want := "one\n" + strings.Repeat("x", 79) + "\n" +
		"\r\x1b[2A\x1b[J" + "above\n" + "two\n" + "\r\x1b[1A\x1b[J" + "three\n" + "below\n"
	if got := b.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What is higher than the terminal would scroll away, and could not be erased.
func TestScreenIsNotTooHigh(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	newScreen(&b).draw(make([]string, 100))
	if got := strings.Count(b.String(), "\n"); got != 23 {
		t.Errorf("%d lines", got)
	}
}

func TestViews(t *testing.T) {
	t.Parallel()
	last := moment{elapsed: time.Second, counts: counts{accepted: 100, answered: 90}}
	m := moment{
		elapsed: 3 * time.Second, state: "running", accepted: 5000, underWay: 7,
		counts: counts{
			accepted: 1100, answered: 1080, alerts: 3, retries: 2, behind: 4 * time.Second,
			last: &suspicion{generator.Event{Transaction: detection.Transaction{Account: "account-1", Merchant: "merchant-2", AmountCents: 123456}}, 0.75},
		},
		metrics: actors.Metrics{LiveGrains: 1234, Quarantined: 1},
	}
	m.metrics.Journal.LogBytes = 5 << 20
	m.recent.add(10 * time.Millisecond)
	line := m.line(&last)
	for _, want := range []string{"3s", "500 accepted/s", "495 verdicts/s", "p50 10.0 ms", "3 alerts", "1,234 live grains", "log 5.0 MiB", "1 messages in quarantine", "2 requests sent again", "4s behind"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	d := &demo{options: options{data: "dir"}, program: "statefun"}
	block := strings.Join(m.block(newScreen(&bytes.Buffer{}), d, &last), "\n")
	for _, want := range []string{"3s, running", "500/s", "1,100 in this run, 5,000 in all", "7 transactions under way", "p99 10.0 ms", "account-1", "pays 1,234.56 at merchant-2: 75.0% fraud", "statefun status --data dir"} {
		if !strings.Contains(block, want) {
			t.Errorf("no %q in\n%s", want, block)
		}
	}
	empty := moment{}
	if got := empty.line(&moment{}); !strings.Contains(got, "p50 –") {
		t.Errorf("got %s", got)
	}
	_ = empty.block(newScreen(&bytes.Buffer{}), d, &moment{})
}
