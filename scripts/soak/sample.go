package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// columns of the samples, in the order of the CSV file.
var columns = []string{
	"seconds", "rss_bytes", "heap_bytes", "goroutines", "open_files", "disk_bytes", "live_grains", "waiting",
	"quarantined", "handled_per_second", "requests_per_second", "refused",
}

// sample is one line of figures, by column.
type sample map[string]float64

// record samples until ctx ends, and writes each line at once.
func record(ctx context.Context, p *process, l *load, o options) (series []sample, err error) {
	f, err := os.Create(o.out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	if err := w.Write(columns); err != nil {
		return nil, err
	}
	ticks := time.NewTicker(o.every)
	defer ticks.Stop()
	r := recorder{process: p, load: l, began: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return series, w.Error()
		case <-ticks.C:
		}
		s, err := r.sample(ctx)
		if ctx.Err() != nil {
			return series, w.Error()
		}
		if err != nil {
			return nil, err
		}
		series = append(series, s)
		if err := w.Write(s.line()); err != nil {
			return nil, err
		}
		w.Flush()
	}
}

func (s sample) line() []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = strconv.FormatFloat(s[c], 'f', -1, 64)
	}
	return out
}

// recorder takes samples; rates are over the time since the last one.
type recorder struct {
	*process
	load          *load
	began, before time.Time
	handled, sent float64
}

func (r *recorder) sample(ctx context.Context) (sample, error) {
	m, err := r.metrics(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := sample{
		"seconds": float64(now.Sub(r.began).Milliseconds()) / 1000, "rss_bytes": m["process_resident_memory_bytes"],
		"heap_bytes": m["go_memstats_heap_alloc_bytes"], "goroutines": m["go_goroutines"], "open_files": m["process_open_fds"],
		"live_grains": m["statefun_live_grains"], "waiting": m["statefun_waiting_messages"],
		"quarantined": m["statefun_quarantined_messages"], "refused": float64(r.load.refused.Load()),
	}
	if s["disk_bytes"], err = diskBytes(r.data); err != nil {
		return nil, err
	}
	handled, sent := m["statefun_function_in_total"], float64(r.load.sent.Load())
	if d := now.Sub(r.before).Seconds(); !r.before.IsZero() {
		s["handled_per_second"], s["requests_per_second"] = (handled-r.handled)/d, (sent-r.sent)/d
	}
	r.before, r.handled, r.sent = now, handled, sent
	return s, nil
}

// metrics reads what the node says of itself, summed up over labels.
func (r *recorder) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := r.load.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, "{")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] += v
		}
	}
	for _, name := range []string{"process_resident_memory_bytes", "go_goroutines", "process_open_fds", "statefun_function_in_total"} {
		if _, ok := out[name]; !ok && resp.StatusCode == http.StatusOK {
			return nil, fmt.Errorf("the node's metrics have no %s", name)
		}
	}
	return out, lines.Err()
}

func diskBytes(dir string) (sum float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += float64(info.Size())
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return sum, err
}
