package scoring

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// Config says how the service behaves. The zero value is a service that answers
// at once and always.
type Config struct {
	// Seed decides the scores, and which requests are slow or fail.
	Seed uint64
	// Latency is how long an ordinary answer takes.
	Latency time.Duration
	// SlowShare is the share of requests, from 0 to 1, that take SlowLatency
	// instead.
	SlowShare   float64
	SlowLatency time.Duration
	// FailureShare is the share of requests, from 0 to 1, that fail with status
	// 503.
	FailureShare float64
}

// Answer is the body of a response.
type Answer struct {
	Merchant string  `json:"merchant"`
	Score    float64 `json:"score"`
}

// Service is the service as an http.Handler.
type Service struct {
	cfg      Config
	requests atomic.Uint64
}

// NewService makes a service.
func NewService(cfg Config) (*Service, error) {
	switch {
	case !isShare(cfg.SlowShare):
		return nil, fmt.Errorf("scoring: SlowShare: %v is not between 0 and 1", cfg.SlowShare)
	case !isShare(cfg.FailureShare):
		return nil, fmt.Errorf("scoring: FailureShare: %v is not between 0 and 1", cfg.FailureShare)
	case cfg.Latency < 0 || cfg.SlowLatency < 0:
		return nil, fmt.Errorf("scoring: Latency %v, SlowLatency %v: negative", cfg.Latency, cfg.SlowLatency)
	}
	return &Service{cfg: cfg}, nil
}

// Requests is the number of requests that have arrived.
func (s *Service) Requests() uint64 { return s.requests.Load() }

// Score is the score of a merchant. Low scores are more frequent than high ones.
func (s *Service) Score(merchant string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(merchant))
	u := uniform(s.cfg.Seed, h.Sum64())
	return math.Round(1000*u*u) / 1000
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)
	merchant := r.URL.Query().Get("merchant")
	switch {
	case r.URL.Path != "/score":
		http.Error(w, "not found: ask for /score", http.StatusNotFound)
		return
	case r.Method != http.MethodGet:
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	case merchant == "":
		http.Error(w, "merchant: missing", http.StatusBadRequest)
		return
	}
	if !s.wait(r, n) {
		http.Error(w, "given up", http.StatusServiceUnavailable)
		return
	}
	if uniform(s.cfg.Seed, 2*n+1) < s.cfg.FailureShare {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Answer{merchant, s.Score(merchant)})
}

// wait takes the time that the n-th request takes. It reports false if the
// client does not wait that long, or the server is closed.
func (s *Service) wait(r *http.Request, n uint64) bool {
	latency := s.cfg.Latency
	if uniform(s.cfg.Seed, 2*n) < s.cfg.SlowShare {
		latency = s.cfg.SlowLatency
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// uniform is a number in [0, 1) that looks random but depends on its arguments
// alone (the finalizer of SplitMix64).
func uniform(seed, n uint64) float64 {
	x := (seed + 1) * 0x9e3779b97f4a7c15
	for _, v := range [...]uint64{n, seed} {
		x ^= v
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return float64(x>>11) / (1 << 53)
}

// isShare is false for what is not a number, too.
func isShare(p float64) bool { return p >= 0 && p <= 1 }
