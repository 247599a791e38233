package scoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client asks a service for scores. It is safe for concurrent use.
type Client struct {
	// URL is the base URL of the service, such as "http://127.0.0.1:7070".
	URL string
	// HTTP makes the requests. It should have a time-out.
	HTTP *http.Client
}

// maxResponseBytes bounds what is read of a response.
const maxResponseBytes = 64 << 10

// Score asks for the score of a merchant.
func (c *Client) Score(ctx context.Context, merchant string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/score?merchant="+url.QueryEscape(merchant), nil)
	if err != nil {
		return 0, fmt.Errorf("scoring: %w", err)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return 0, fmt.Errorf("scoring: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes))
	if err != nil {
		return 0, fmt.Errorf("scoring: response: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("scoring: %s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return scoreIn(body, merchant)
}

// scoreIn reads the body of a response. The numbers of others are not trusted.
func scoreIn(body []byte, merchant string) (float64, error) {
	var a Answer
	if err := json.Unmarshal(body, &a); err != nil {
		return 0, fmt.Errorf("scoring: response: %w", err)
	}
	if a.Merchant != merchant {
		return 0, fmt.Errorf("scoring: response is about merchant %q, not %q", a.Merchant, merchant)
	}
	if a.Score < 0 || a.Score > 1 {
		return 0, fmt.Errorf("scoring: score %v is not between 0 and 1", a.Score)
	}
	return a.Score, nil
}
