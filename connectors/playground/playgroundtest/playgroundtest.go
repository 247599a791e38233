// Package playgroundtest uses a node over HTTP in a test, its playground above all, as
// curl would: each request has a connection of its own.
package playgroundtest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a node may take for one thing. Machines that test are busy.
const patience = 30 * time.Second

// Request makes a request, and returns what is answered. An empty contentType is none.
// It fails the test if there is no answer.
func Request(t testing.TB, method, url, contentType, body string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	return response.StatusCode, string(b)
}

// Put has a message accepted by the ingress at a URL that ends in an address.
func Put(t testing.TB, url, contentType, body string) {
	t.Helper()
	if status, answer := Request(t, http.MethodPut, url, contentType, body); status != http.StatusOK {
		t.Fatalf("PUT %s: status %d: %s", url, status, answer)
	}
}

// Take waits until the topic at a URL of the egress has a record, and takes it.
func Take(t testing.TB, url string) string {
	t.Helper()
	for begun := time.Now(); ; {
		status, answer := Request(t, http.MethodGet, url, "", "")
		if status == http.StatusOK {
			return answer
		}
		if status != http.StatusNoContent || time.Since(begun) > patience {
			t.Fatalf("GET %s: status %d: %s", url, status, answer)
		}
		<-time.After(time.Millisecond)
	}
}

// Empty checks that the topic at a URL of the egress has no record. Then what was taken
// before is being removed, and does not come again.
func Empty(t testing.TB, url string) {
	t.Helper()
	if status, answer := Request(t, http.MethodGet, url, "", ""); status != http.StatusNoContent {
		t.Errorf("GET %s: status %d: %s, expected no record", url, status, answer)
	}
}
