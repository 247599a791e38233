package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/statefun-go/statefun/actors"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

const adminPath = "/io.statefun/"

// Quarantine lists quarantined messages, of one function if that is not empty.
func (c *Client) Quarantine(ctx context.Context, function functions.TypeName, limit int) (list door.QuarantineList, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if function != "" {
		q.Set("function", string(function))
	}
	return list, c.get(ctx, adminPath+"quarantine?"+q.Encode(), &list)
}

// Quarantined returns one quarantined message.
func (c *Client) Quarantined(ctx context.Context, a functions.Address, sequence uint64) (d door.QuarantineDetails, err error) {
	return d, c.get(ctx, quarantined(a, sequence, ""), &d)
}

// Retry sends a quarantined message to its address again.
func (c *Client) Retry(ctx context.Context, a functions.Address, sequence uint64) error {
	_, err := c.do(ctx, request{method: http.MethodPost, path: quarantined(a, sequence, "/retry")})
	return err
}

// Drop removes a quarantined message for good.
func (c *Client) Drop(ctx context.Context, a functions.Address, sequence uint64) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: quarantined(a, sequence, "")})
	return err
}

func quarantined(a functions.Address, sequence uint64, below string) string {
	return adminPath + "quarantine/" + strconv.FormatUint(sequence, 10) + below + "?" + url.Values{"address": {a.String()}}.Encode()
}

// Purge removes all state, timers and waiting messages of an address or a type, or
// only counts them.
func (c *Client) Purge(ctx context.Context, what door.Purge) (purged actors.Purged, err error) {
	body, err := json.Marshal(what)
	if err != nil {
		return purged, err
	}
	r := request{method: http.MethodPost, path: adminPath + "purge", header: acceptJSON(), body: body}
	r.header["Content-Type"] = MediaJSON
	return purged, c.decode(ctx, r, &purged)
}

// Status is what the node says of itself.
func (c *Client) Status(ctx context.Context) (status door.Status, err error) {
	return status, c.get(ctx, adminPath+"status", &status)
}
