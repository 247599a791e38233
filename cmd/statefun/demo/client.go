package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/generator"
	"github.com/statefun-go/statefun/functions"
)

// client sends to a node as anybody does, by HTTP. It is safe for concurrent use.
type client struct {
	base      string
	transport *http.Transport
	http      *http.Client
	// retried is called for each request that has to be sent again.
	retried func()
}

// replyWithin is how long the node waits for a verdict. The third party may be
// asked four times, for two seconds each.
const replyWithin = 15 * time.Second

func newClient(base string, connections int, retried func()) *client {
	t := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}
	return &client{
		base: base, transport: t, retried: retried,
		http: &http.Client{Transport: t, Timeout: replyWithin + 10*time.Second},
	}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// outcome is what became of a transaction that was accepted.
type outcome struct {
	verdict detection.Verdict
	// answered says that there is a verdict. Else it is still to come, or the
	// message is in quarantine.
	answered bool
}

// transaction sends a transaction until it is known to be accepted, and waits for
// its verdict. It returns an error if ctx ends first, or the node refuses it.
func (c *client) transaction(ctx context.Context, e generator.Event) (o outcome, err error) {
	m := detection.TransactionType.Of(e.Transaction)
	a, err := c.deliver(ctx, detection.Transactions.At(e.ID), "?call&timeout="+replyWithin.String(), m, e.ID)
	if err != nil || !a.answered {
		return o, err
	}
	if err := json.Unmarshal(a.body, &o.verdict); err != nil {
		return o, fmt.Errorf("the verdict on %s: %w", e.ID, err)
	}
	if o.verdict.Transaction != e.ID {
		return o, fmt.Errorf("the verdict on %s is about %q", e.ID, o.verdict.Transaction)
	}
	o.answered = true
	return o, nil
}

// confirm tells the account's count that a transaction was a fraud.
func (c *client) confirm(ctx context.Context, e generator.Event) error {
	m := detection.ConfirmationType.Of(e.Confirmation())
	_, err := c.deliver(ctx, detection.Counts.At(e.Transaction.Account), "", m, e.ID)
	return err
}

// answer is what the node said to a message that it has accepted.
type answer struct {
	body     []byte
	answered bool
}

// firstPause and longestPause are between two attempts.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// deliver sends a message until it is known to be accepted: whatever leaves that
// open is sent again, with the same key.
func (c *client) deliver(ctx context.Context, to functions.Address, query string, m functions.Message, key string) (answer, error) {
	target := c.base + "/" + string(to.Type) + "/" + url.PathEscape(to.ID) + query
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		a, err := c.attempt(ctx, target, m, key)
		if err == nil || ctx.Err() != nil || errors.Is(err, errRefused) {
			return a, err
		}
		c.retried()
		if err := wait(ctx, pause); err != nil {
			return answer{}, err
		}
	}
}

// errRefused marks what will not be better next time.
var errRefused = errors.New("the node refuses")

func (c *client) attempt(ctx context.Context, target string, m functions.Message, key string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(m.Value))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	r.Header.Set("Content-Type", "application/vnd."+string(m.Type))
	r.Header.Set("Idempotency-Key", key)
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return answer{}, err
	}
	return judge(ctx, response, body)
}

// judge tells what a response says about the message: that it was accepted (no
// error), that it may have been, or that it will not be (errRefused).
func judge(ctx context.Context, response *http.Response, body []byte) (answer, error) {
	text := strings.TrimSpace(string(body))
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		return answer{body, true}, nil
	case code == http.StatusAccepted:
		return answer{}, nil
	case code == http.StatusGatewayTimeout && strings.Contains(text, "the message stays accepted"):
		return answer{}, nil
	case code == http.StatusInternalServerError && strings.Contains(text, "the message was quarantined"):
		return answer{}, nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
		return answer{}, errors.Join(errors.New(text), wait(ctx, retryAfter(response.Header)))
	case code >= 500 || code == http.StatusRequestTimeout:
		return answer{}, fmt.Errorf("%s: %s", response.Status, text)
	}
	return answer{}, fmt.Errorf("%w: %s: %s", errRefused, response.Status, text)
}

// retryAfter is how long the node asks to be left alone, up to a minute.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return longestPause
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
