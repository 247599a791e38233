package client

import (
	"context"
	"net/http"

	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
)

// States lists the durable state of an address.
func (c *Client) States(ctx context.Context, a functions.Address) (list door.StateList, err error) {
	return list, c.get(ctx, pathOf(a)+"/state", &list)
}

// State returns one state: as JSON, or the bytes of a single value as they are.
func (c *Client) State(ctx context.Context, a functions.Address, name string, raw bool) ([]byte, error) {
	r := request{method: http.MethodGet, path: pathOf(a) + "/state/" + segment(name)}
	if !raw {
		r.header = acceptJSON()
	}
	answer, err := c.do(ctx, r)
	return answer.body, err
}
