package http

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// flinkPrefix is what Flink's Prometheus reporter puts before the namespace and the
// name of a function, and the metric's own name.
const flinkPrefix = "flink_taskmanager_job_task_operator_functions_"

const flinkHelp = "StateFun's metric of this name."

// maxFlinkFunctions bounds the function types that are shown under StateFun's names:
// there are fifteen metrics of each.
const maxFlinkFunctions = 1000

// flink shows StateFun's metrics of functions under the names that they have through
// Flink's Prometheus reporter, as what they are there: counters and meters are
// gauges, histograms are summaries of the last minutes.
type flink struct {
	meter    Meter
	backlogs *backlogs
	job      string
}

// Describe implements prometheus.Collector. Which functions there are is not known
// yet.
func (*flink) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *flink) Collect(ch chan<- prometheus.Metric) {
	m, backlog := c.meter.Metrics(), c.backlogs.get()
	shown := 0
	for _, t := range sortedTypes(m.Functions) {
		if shown++; shown > maxFlinkFunctions {
			return
		}
		f := m.Functions[t]
		s := flinkScope{ch, t, []string{c.job, strings.ToValidUTF8(string(t), "\uFFFD")}, map[string]bool{}}
		s.function(&f, backlog.Functions[t])
		for _, name := range slices.Sorted(maps.Keys(f.Counters)) {
			s.counter(name, f.Counters[name])
		}
	}
}

// flinkScope are the metrics of one function.
type flinkScope struct {
	ch     chan<- prometheus.Metric
	of     functions.TypeName
	labels []string
	seen   map[string]bool
}

func (s *flinkScope) function(f *actors.FunctionMetrics, b *actors.FunctionBacklog) {
	if b == nil {
		b = &actors.FunctionBacklog{}
	}
	for _, g := range []struct {
		name  string
		value float64
	}{
		{"in", float64(f.In)},
		{"inRate", f.Rates.In},
		{"outLocal", float64(f.OutLocal)},
		{"outLocalRate", f.Rates.OutLocal},
		{"outRemote", 0}, // all functions are on this node
		{"outRemoteRate", 0},
		{"outEgress", float64(f.OutEgress)},
		{"outEgressRate", f.Rates.OutEgress},
		{"numBlockedAddress", float64(b.Waiting)},
		{"inflightAsyncOps", float64(f.InFlight + f.Async)},
		{"numBacklog", float64(b.Pending)},
		{"remoteInvocationFailures", float64(f.RequestFailures)},
		{"remoteInvocationFailuresRate", f.Rates.RequestFailures},
	} {
		s.gauge(g.name, g.value)
	}
	s.latency(&f.Latency)
}

func (s *flinkScope) name(metric string) string {
	return flinkPrefix + flinkName(s.of.Namespace()) + "_" + flinkName(s.of.Name()) + "_" + metric
}

// flinkName replaces what Prometheus does not take, as Flink does.
func flinkName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ':' || r == '_' {
			return r
		}
		return '_'
	}, name)
}

func (s *flinkScope) describe(name string) *prometheus.Desc {
	return prometheus.NewDesc(name, flinkHelp, []string{"job_name", "function"}, nil)
}

func (s *flinkScope) gauge(metric string, v float64) {
	name := s.name(metric)
	s.seen[name] = true
	s.ch <- prometheus.MustNewConstMetric(s.describe(name), prometheus.GaugeValue, v, s.labels...)
}

const flinkLatency = "remoteInvocationLatency"

func (s *flinkScope) latency(l *actors.Latency) {
	quantiles := map[float64]float64{}
	for _, q := range []float64{0.5, 0.75, 0.95, 0.98, 0.99, 0.999} {
		quantiles[q] = math.NaN()
		if d, ok := l.Quantile(q); ok {
			quantiles[q] = inMilliseconds(d)
		}
	}
	s.ch <- prometheus.MustNewConstSummary(s.describe(s.name(flinkLatency)), l.Count, inMilliseconds(l.Sum), quantiles, s.labels...)
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// counter is one that the function counts itself. One that is called as another
// metric, by this name or once it is written as Prometheus takes it, is left out.
func (s *flinkScope) counter(name string, n int64) {
	name = flinkName(name)
	if s.seen[s.name(name)] || strings.Contains(name, flinkLatency) {
		return
	}
	s.gauge(name, float64(n))
}
