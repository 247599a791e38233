package detection

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/scoring"
	"github.com/statefun-go/statefun/functions"
)

// Config says how frauds are found.
type Config struct {
	// FraudWindow is how long a confirmed fraud counts against its account.
	// Defaults to 30 days.
	FraudWindow time.Duration
	// Threshold is the probability of fraud, up to 1, above which there is an
	// alert. Defaults to 0.5.
	Threshold float64

	// ScoringURL is the base URL of the service that scores merchants. Required.
	ScoringURL string
	// HTTPClient is used to ask it. Defaults to one that gives up after 2 seconds.
	HTTPClient *http.Client
	// ScoreTTL is how long the score of a merchant is remembered. Defaults to 1
	// hour.
	ScoreTTL time.Duration
	// ScoreAttempts is how often the service is asked before a merchant gets
	// DefaultScore for the time being. Defaults to 4.
	ScoreAttempts int
	// ScoreRetryDelay is the time between the first two attempts; it doubles from
	// one to the next, up to 64 times as much. Defaults to 100 ms.
	ScoreRetryDelay time.Duration
	// DefaultScore is the score, up to 1, of a merchant of which nothing is known.
	// Defaults to 0.5.
	DefaultScore float64
}

// New makes the functions of the application.
func New(cfg Config) ([]functions.Function, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return []functions.Function{
		newTransaction(cfg.Threshold),
		newCount(cfg.FraudWindow),
		newMerchant(cfg),
		newModel(),
		newLedger(),
	}, nil
}

// validate fills in the defaults.
func (c *Config) validate() error {
	c.FraudWindow = cmp.Or(c.FraudWindow, 30*24*time.Hour)
	c.Threshold = cmp.Or(c.Threshold, 0.5)
	c.ScoreTTL = cmp.Or(c.ScoreTTL, time.Hour)
	c.ScoreAttempts = cmp.Or(c.ScoreAttempts, 4)
	c.ScoreRetryDelay = cmp.Or(c.ScoreRetryDelay, 100*time.Millisecond)
	c.DefaultScore = cmp.Or(c.DefaultScore, 0.5)
	if c.HTTPClient == nil {
		c.HTTPClient = newHTTPClient()
	}
	switch {
	case c.FraudWindow < 0:
		return fmt.Errorf("detection: FraudWindow: %v is negative", c.FraudWindow)
	case c.ScoreTTL < 0:
		return fmt.Errorf("detection: ScoreTTL: %v is negative", c.ScoreTTL)
	case c.ScoreAttempts < 0:
		return fmt.Errorf("detection: ScoreAttempts: %d is negative", c.ScoreAttempts)
	case c.ScoreRetryDelay < 0:
		return fmt.Errorf("detection: ScoreRetryDelay: %v is negative", c.ScoreRetryDelay)
	case !isProbability(c.Threshold):
		return fmt.Errorf("detection: Threshold: %v is not between 0 and 1", c.Threshold)
	case !isProbability(c.DefaultScore):
		return fmt.Errorf("detection: DefaultScore: %v is not between 0 and 1", c.DefaultScore)
	}
	if u, err := url.Parse(c.ScoringURL); err != nil || u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("detection: ScoringURL: %q is not a URL such as http://127.0.0.1:7070", c.ScoringURL)
	}
	return nil
}

// newHTTPClient keeps enough connections for many merchants at a time.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 256, IdleConnTimeout: 30 * time.Second},
	}
}

func (c *Config) scoring() *scoring.Client {
	return &scoring.Client{URL: c.ScoringURL, HTTP: c.HTTPClient}
}

// isProbability is false for what is not a number, too.
func isProbability(p float64) bool { return p >= 0 && p <= 1 }
