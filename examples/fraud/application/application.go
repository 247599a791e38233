// Package application puts the parts together: the functions that find frauds,
// the file that alerts go to, and the third party that they ask. What runs it
// (the program one directory up, or a test) starts the third party, makes the
// application, and does with it what statefun.App offers.
package application

import (
	"path/filepath"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/file"
	"github.com/statefun-go/statefun/examples/fraud/detection"
	"github.com/statefun-go/statefun/examples/fraud/scoring"
)

// New makes the application. It asks the service at scoringURL for the scores of
// merchants, and writes alerts to AlertsFile.
func New(c statefun.Config, scoringURL string) (*statefun.App, error) {
	functions, err := detection.New(detection.Config{ScoringURL: scoringURL})
	if err != nil {
		return nil, err
	}
	app := statefun.New(c)
	app.Register(functions...)
	app.EgressFrom(detection.Alerts, func(c statefun.Config) statefun.Sink {
		return file.New(file.Options{Environment: c.Environment, Path: AlertsFile(c.DataDir)})
	})
	return app, nil
}

// AlertsFile is the file in a data directory that gets the alerts, a line of JSON
// each.
func AlertsFile(dataDir string) string { return filepath.Join(dataDir, "alerts.jsonl") }

// NewScoring makes the third party: a service on a free port of this machine that
// is sometimes slow and sometimes fails.
func NewScoring() (*scoring.Server, error) {
	service, err := scoring.NewService(scoring.Config{
		Seed:         1,
		Latency:      5 * time.Millisecond,
		SlowShare:    0.02,
		SlowLatency:  300 * time.Millisecond,
		FailureShare: 0.02,
	})
	if err != nil {
		return nil, err
	}
	return scoring.NewServer("", service), nil
}
