package scoring

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ask sends one request and returns the status, the body and how long it took.
func ask(s *Service, target string) (int, string, time.Duration) {
	begin := time.Now()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code, strings.TrimSpace(w.Body.String()), time.Since(begin)
}

func service(t *testing.T, cfg Config) *Service {
	t.Helper()
	s, err := NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScoresAreDeterministic(t *testing.T) {
	t.Parallel()
	s, same, other := service(t, Config{Seed: 1}), service(t, Config{Seed: 1}), service(t, Config{Seed: 2})
	differ, low := 0, 0
	for i := range 1000 {
		m := fmt.Sprint("merchant-", i)
		score := s.Score(m)
		if score < 0 || score > 1 || score != same.Score(m) || score != math.Round(score*1000)/1000 {
			t.Fatalf("%s: got %v, again %v", m, score, same.Score(m))
		}
		if score != other.Score(m) {
			differ++
		}
		if score < 0.25 {
			low++
		}
	}
	if differ < 900 {
		t.Errorf("only %d of 1,000 scores depend on the seed", differ)
	}
	if low < 400 || low > 600 {
		t.Errorf("%d of 1,000 scores are below 0.25, expected about half", low)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	s := service(t, Config{Seed: 7})
	code, body, _ := ask(s, "/score?merchant=Tea+%26+Co")
	if want := fmt.Sprintf(`{"merchant":"Tea \u0026 Co","score":%v}`, s.Score("Tea & Co")); code != 200 || body != want {
		t.Errorf("got %d %s, want %s", code, body, want)
	}
	if s.Requests() != 1 {
		t.Errorf("%d requests", s.Requests())
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := service(t, Config{})
	for target, want := range map[string]int{"/": 404, "/score": 400, "/score?merchant=": 400} {
		if code, body, _ := ask(s, target); code != want {
			t.Errorf("%s: got %d %s, want %d", target, code, body, want)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/score?merchant=m", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: got %d", w.Code)
	}
}

// As often as configured, and at the same requests in every run.
func TestSlowAndFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Seed: 3, Latency: time.Millisecond, SlowShare: 0.2, SlowLatency: time.Second, FailureShare: 0.1}
		runs := [2]string{}
		slow, failed := 0, 0
		for i := range runs {
			s := service(t, cfg)
			for range 1000 {
				code, _, took := ask(s, "/score?merchant=m")
				if took != time.Millisecond && took != time.Second {
					t.Fatalf("took %v", took)
				}
				if took == time.Second {
					slow++
				}
				if code == http.StatusServiceUnavailable {
					failed++
				}
				runs[i] += fmt.Sprint(code, took)
			}
		}
		if runs[0] != runs[1] {
			t.Error("the runs differ")
		}
		if slow < 320 || slow > 480 || failed < 140 || failed > 260 {
			t.Errorf("of 2,000 requests %d were slow and %d failed, expected about 400 and 200", slow, failed)
		}
	})
}

func TestTheClientNeedNotWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/score?merchant=m", nil).WithContext(ctx)
	service(t, Config{Latency: time.Hour}).ServeHTTP(w, request)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]Config{
		"SlowShare":    {SlowShare: 1.5},
		"FailureShare": {FailureShare: math.NaN()},
		"SlowLatency":  {SlowLatency: -1},
	} {
		if _, err := NewService(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
