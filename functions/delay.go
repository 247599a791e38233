package functions

import (
	"errors"
	"fmt"
	"time"
)

// SendOption changes how a delayed message is sent.
type SendOption struct {
	token    string
	hasToken bool
}

// CancelToken names a delayed message, so that [Context.Cancel] can take it
// back. A token is not empty, belongs to the sender's id, is shared by all
// function types of that id, and is free again once its message was delivered
// or cancelled. Sending a second message under a token that is still pending
// fails the invocation.
func CancelToken(token string) SendOption { return SendOption{token: token, hasToken: true} }

// cancelToken returns the last token among the options, empty if none is given.
func cancelToken(opts []SendOption) (string, error) {
	token := ""
	for _, o := range opts {
		if !o.hasToken {
			continue
		}
		if token = o.token; token == "" {
			return "", errors.New("functions: empty cancel token")
		}
	}
	return token, nil
}

// checkDelay refuses delays that point into the past.
func checkDelay(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("functions: negative delay %v", d)
	}
	return nil
}
