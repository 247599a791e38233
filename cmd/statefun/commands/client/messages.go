package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Media types of messages.
const (
	MediaJSON   = "application/json"
	mediaPrefix = "application/vnd."
)

// MediaOf is the media type of messages of a type.
func MediaOf(t functions.TypeName) string { return mediaPrefix + string(t) }

// Sending is a message to send.
type Sending struct {
	To    functions.Address
	Media string // MediaJSON or MediaOf(type)
	Body  []byte
	// Call waits for a reply, for Timeout if that is set.
	Call    bool
	Timeout time.Duration
	// Key is the idempotency key, "" for none.
	Key string
	// Raw asks for the reply's own bytes. Otherwise it comes as JSON if it can be
	// shown so.
	Raw bool
}

// Reply is what a call was answered with.
type Reply struct {
	// Media is MediaJSON or MediaOf(type).
	Media string
	Body  []byte
}

// Send sends a message. It returns once the message is durable, or with the reply
// if it is a call.
func (c *Client) Send(ctx context.Context, s Sending) (Reply, error) {
	r := request{method: http.MethodPost, path: pathOf(s.To), header: map[string]string{"Content-Type": s.Media}, body: s.Body}
	if s.Call {
		r.path += "?call"
		if s.Timeout > 0 {
			r.path += "&timeout=" + url.QueryEscape(s.Timeout.String())
		}
	}
	if s.Key != "" {
		r.header["Idempotency-Key"] = s.Key
	}
	if !s.Raw {
		r.header["Accept"] = MediaJSON
	}
	answer, err := c.do(ctx, r)
	if err != nil || !s.Call {
		return Reply{}, err
	}
	return Reply{answer.header.Get("Content-Type"), answer.body}, nil
}
