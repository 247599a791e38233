package http

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/persistence"
)

// responses counts answers by their status.
type responses struct {
	counts [600]atomic.Uint64
}

func (r *responses) count(status int) { r.counts[status].Add(1) }

// metricsHandler exposes a node's metrics, and the process's, in a registry of
// their own.
func metricsHandler(m Meter, b *backlogs, job string, r *responses) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newCollector(m, b, r), &flink{m, b, job}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// gauge is a metric of the node, read out of its Metrics.
type gauge struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	read        func(m *actors.Metrics) float64
}

// functionGauge is a metric of each function.
type functionGauge struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	read        func(f *functionNow) float64
}

// functionNow is all that is known of a function type.
type functionNow struct {
	actors.FunctionMetrics
	backlog actors.FunctionBacklog
}

// collector shows actors.Metrics to Prometheus.
type collector struct {
	meter     Meter
	backlogs  *backlogs
	responses *responses

	gauges    []gauge
	functions []functionGauge
	requests  *prometheus.Desc // of remote functions
	counters  *prometheus.Desc // what functions count themselves
	answers   *prometheus.Desc
}

func newCollector(m Meter, b *backlogs, r *responses) *collector {
	return &collector{
		meter: m, backlogs: b, responses: r, gauges: slices.Concat(nodeGauges(), journalGauges(), diskGauges()), functions: functionGauges(),
		requests: describe("function_request_seconds", "Attempts at a request to the function's server, with or without a response.", "function"),
		counters: describe("function_counter_total", "What functions count themselves.", "function", "counter"),
		answers:  describe("http_responses_total", "Answers by status.", "code"),
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("statefun_"+name, help, labels, nil)
}

func total(name, help string, read func(*actors.Metrics) uint64) gauge {
	return gauge{describe(name+"_total", help), prometheus.CounterValue, func(m *actors.Metrics) float64 { return float64(read(m)) }}
}

func current(name, help string, read func(*actors.Metrics) float64) gauge {
	return gauge{describe(name, help), prometheus.GaugeValue, read}
}

func nodeGauges() []gauge {
	return []gauge{
		total("accepted_messages", "Messages accepted from outside.", func(m *actors.Metrics) uint64 { return m.Sends }),
		total("replies", "Replies handed to waiting clients.", func(m *actors.Metrics) uint64 { return m.Replies }),
		total("late_replies", "Replies that nobody waited for.", func(m *actors.Metrics) uint64 { return m.LateReplies }),
		current("live_grains", "Addresses in memory.", func(m *actors.Metrics) float64 { return float64(m.LiveGrains) }),
		current("waiting_messages", "Messages that wait in memory for their grain.", func(m *actors.Metrics) float64 { return float64(m.Held) }),
		current("quarantined_messages", "Messages set aside.", func(m *actors.Metrics) float64 { return float64(m.Quarantined) }),
		current("async_running", "Asynchronous operations under way.", func(m *actors.Metrics) float64 { return float64(m.Async) }),
	}
}

func journalGauges() []gauge {
	return []gauge{
		total("journal_batches", "Batches made durable.", func(m *actors.Metrics) uint64 { return m.Journal.Batches }),
		total("journal_messages", "Messages sent through the journal.", func(m *actors.Metrics) uint64 { return m.Journal.MessagesSent }),
		total("journal_messages_elided", "Messages sent and consumed within one batch, never written.", func(m *actors.Metrics) uint64 { return m.Journal.MessagesElided }),
		total("journal_log_written_bytes", "Bytes written to the log.", func(m *actors.Metrics) uint64 { return m.Journal.LogBytesWritten }),
		total("journal_materializations", "Times that the tables were brought up to date.", func(m *actors.Metrics) uint64 { return m.Journal.Materializations }),
		current("journal_last_sync_seconds", "Sealing to durable, of the last batch.", func(m *actors.Metrics) float64 { return m.Journal.LastSync.Seconds() }),
		current("journal_last_materialization_seconds", "Duration of the last materialization.", func(m *actors.Metrics) float64 { return m.Journal.LastMaterialize.Seconds() }),
		current("journal_log_bytes", "Size of the log.", func(m *actors.Metrics) float64 { return float64(m.Journal.LogBytes) }),
		current("journal_overlay_bytes", "Log that is not in the tables.", func(m *actors.Metrics) float64 { return float64(m.Journal.OverlayBytes) }),
		current("tables_disk_bytes", "Size of the tables on disk.", func(m *actors.Metrics) float64 { return float64(m.Journal.Tables.DiskBytes) }),
		current("tables_memory_bytes", "Memory of the tables.", func(m *actors.Metrics) float64 { return float64(m.Journal.Tables.MemoryBytes) }),
		total("tables_flushed_bytes", "Bytes written by flushes of the tables.", func(m *actors.Metrics) uint64 { return m.Journal.Tables.FlushedBytes }),
		total("tables_compacted_bytes", "Bytes written by compactions of the tables.", func(m *actors.Metrics) uint64 { return m.Journal.Tables.CompactedBytes }),
	}
}

func diskGauges() []gauge {
	atLeast := func(l persistence.SpaceLevel) func(m *actors.Metrics) float64 {
		return func(m *actors.Metrics) float64 {
			if m.Journal.Space.Level >= l {
				return 1
			}
			return 0
		}
	}
	return []gauge{
		current("disk_free_bytes", "Free space of the disk that the data directory is on.", func(m *actors.Metrics) float64 { return float64(m.Journal.Space.Free) }),
		current("disk_owed_bytes", "Of the free space, what is yet to be written.", func(m *actors.Metrics) float64 { return float64(m.Journal.Space.Owed) }),
		current("disk_reserve_bytes", "Free space below which messages are refused.", func(m *actors.Metrics) float64 { return float64(m.Journal.Space.Reserve) }),
		current("disk_low", "1 while messages are refused for lack of disk space.", atLeast(persistence.SpaceLow)),
		current("disk_scarce", "1 while functions pause, too, for lack of disk space.", atLeast(persistence.SpaceScarce)),
	}
}

func functionGauges() []functionGauge {
	total := func(name, help string, read func(*functionNow) uint64) functionGauge {
		return functionGauge{describe("function_"+name+"_total", help, "function"), prometheus.CounterValue, func(f *functionNow) float64 { return float64(read(f)) }}
	}
	now := func(name, help string, read func(*functionNow) int) functionGauge {
		return functionGauge{describe("function_"+name, help, "function"), prometheus.GaugeValue, func(f *functionNow) float64 { return float64(read(f)) }}
	}
	return []functionGauge{
		total("in", "Messages handled.", func(f *functionNow) uint64 { return f.In }),
		total("out_local", "Messages sent to functions of this node.", func(f *functionNow) uint64 { return f.OutLocal }),
		total("out_egress", "Records sent to egresses.", func(f *functionNow) uint64 { return f.OutEgress }),
		total("failures", "Invocations that failed.", func(f *functionNow) uint64 { return f.Failures }),
		total("quarantined", "Messages set aside.", func(f *functionNow) uint64 { return f.Quarantined }),
		total("request_failures", "Attempts at a request to the function's server that brought no response.", func(f *functionNow) uint64 { return f.RequestFailures }),
		now("requests_in_flight", "Requests to the function's server under way.", func(f *functionNow) int { return int(f.InFlight) }),
		now("async_running", "Asynchronous operations under way.", func(f *functionNow) int { return int(f.Async) }),
		now("pending_messages", "Messages that wait in memory, or are being handled.", func(f *functionNow) int { return f.backlog.Pending }),
		now("spilled_addresses", "Addresses with messages that wait on disk.", func(f *functionNow) int { return f.backlog.Spilled }),
		now("waiting_addresses", "Addresses that wait for their next attempt, or cannot go on.", func(f *functionNow) int { return f.backlog.Waiting }),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for i := range c.gauges {
		ch <- c.gauges[i].description
	}
	for i := range c.functions {
		ch <- c.functions[i].description
	}
	ch <- c.requests
	ch <- c.counters
	ch <- c.answers
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	m, backlog := c.meter.Metrics(), c.backlogs.get()
	for i := range c.gauges {
		g := &c.gauges[i]
		collect(ch, g.description, g.kind, g.read(&m))
	}
	for t := range m.Functions {
		f := functionNow{FunctionMetrics: m.Functions[t]}
		if b := backlog.Functions[t]; b != nil {
			f.backlog = *b
		}
		c.collectFunction(ch, string(t), &f)
	}
	for status := range c.responses.counts {
		if n := c.responses.counts[status].Load(); n > 0 {
			collect(ch, c.answers, prometheus.CounterValue, float64(n), strconv.Itoa(status))
		}
	}
}

func (c *collector) collectFunction(ch chan<- prometheus.Metric, name string, f *functionNow) {
	for i := range c.functions {
		g := &c.functions[i]
		collect(ch, g.description, g.kind, g.read(f), name)
	}
	if f.Latency.Count > 0 {
		buckets := make(map[float64]uint64, len(f.Latency.Buckets))
		for _, b := range f.Latency.Buckets {
			buckets[b.UpTo.Seconds()] = b.Count
		}
		h, err := prometheus.NewConstHistogram(c.requests, f.Latency.Count, f.Latency.Sum.Seconds(), buckets, strings.ToValidUTF8(name, "\uFFFD"))
		if err != nil {
			h = prometheus.NewInvalidMetric(c.requests, err)
		}
		ch <- h
	}
	for counter, n := range f.Counters {
		// Functions may count down.
		collect(ch, c.counters, prometheus.UntypedValue, float64(n), name, counter)
	}
}

func collect(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "\uFFFD") // a counter's name can be anything
	}
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}
