package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// load sends requests at a bounded rate, from several clients.
type load struct {
	url    string
	client *http.Client
	tick   time.Duration // of one client

	sent, refused, dropped atomic.Int64
}

const clients = 8

func newLoad(base string, rate int) *load {
	return &load{
		url: base, tick: time.Second * clients / time.Duration(rate),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 10 * time.Second},
	}
}

func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { l.client1(ctx, i) })
	}
	wg.Go(func() { l.tidy(ctx) })
	wg.Wait()
	l.client.CloseIdleConnections()
}

// client1 sends one request at each tick: in turn to an address that never was
// before and to one of a thousand, and at times waits for the answer.
func (l *load) client1(ctx context.Context, number int) {
	ticks := time.NewTicker(l.tick)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		id, query, hops := fmt.Sprintf("hot-%d", (n*7919+number)%1000), "", int64(2)
		if n%2 == 0 {
			id = fmt.Sprintf("new-%d-%d", number, n)
		}
		if n%10 == 0 {
			query, hops = "?call", callHops
		}
		l.send(ctx, fmt.Sprintf("%s/%s/%s%s", l.url, soakType, id, query), functions.Int64.Of(hops))
	}
}

func (l *load) send(ctx context.Context, to string, m functions.Message) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to, bytes.NewReader(m.Value))
	if err != nil {
		l.refused.Add(1)
		return
	}
	req.Header.Set("Content-Type", "application/vnd."+string(m.Type))
	if status := l.do(req, nil); status == http.StatusAccepted || status == http.StatusOK || status == http.StatusInternalServerError {
		l.sent.Add(1) // 500: it is in quarantine, which is part of the load
	} else if ctx.Err() == nil {
		l.refused.Add(1)
	}
}

// do returns 0 if there is no answer.
func (l *load) do(req *http.Request, into any) int {
	resp, err := l.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	b, err := io.ReadAll(resp.Body)
	if err != nil || into != nil && json.Unmarshal(b, into) != nil {
		return 0
	}
	return resp.StatusCode
}

// tidy does what people do with a quarantine: half of it is tried again, the rest
// and what comes back is dropped.
func (l *load) tidy(ctx context.Context) {
	ticks := time.NewTicker(2 * time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		var list struct {
			Messages []struct {
				Address  string `json:"address"`
				Sequence uint64 `json:"sequence"`
			} `json:"messages"`
		}
		l.call(ctx, http.MethodGet, "/io.statefun/quarantine?limit=1000", &list)
		for i, m := range list.Messages {
			path := fmt.Sprintf("/io.statefun/quarantine/%d", m.Sequence)
			address := "?address=" + url.QueryEscape(m.Address)
			if i%2 == 0 {
				l.call(ctx, http.MethodPost, path+"/retry"+address, nil)
			} else {
				l.call(ctx, http.MethodDelete, path+address, nil)
			}
			l.dropped.Add(1)
		}
	}
}

func (l *load) call(ctx context.Context, method, path string, into any) {
	req, err := http.NewRequestWithContext(ctx, method, l.url+path, http.NoBody)
	if err == nil {
		l.do(req, into)
	}
}
