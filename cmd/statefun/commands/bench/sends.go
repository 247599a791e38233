package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// sendsConfig says how messages are sent through HTTP.
type sendsConfig struct {
	connections []int // a measurement for each
	addresses   int
	payload     int
	warmup      time.Duration
	duration    time.Duration
	profiles    *profiles
}

func defaultSends() sendsConfig {
	return sendsConfig{connections: []int{64, 512}, addresses: 1000, payload: 64}
}

// timed is the same with the durations and profiles of the flags.
func (c sendsConfig) timed(o *options) sendsConfig {
	c.warmup, c.duration, c.profiles = cmp.Or(o.warmup, time.Second), cmp.Or(o.duration, 4*time.Second), o.profiles
	return c
}

// SendsReport is messages sent through HTTP, answered when they are durable.
type SendsReport struct {
	Addresses    int               `json:"addresses"`
	PayloadBytes int               `json:"payload_bytes"`
	Seconds      float64           `json:"seconds"`
	Runs         []SendsComparison `json:"runs"`
}

// SendsComparison is the same requests to a node, and to a bare net/http server
// before and after.
type SendsComparison struct {
	Connections    int     `json:"connections"`
	SendsPerSecond float64 `json:"sends_per_second"`
	BarePerSecond  float64 `json:"bare_requests_per_second"`
	BareHalves     halves  `json:"bare_halves"` // before and after the node
	RatioToBare    float64 `json:"ratio_to_bare"`
	P50            float64 `json:"p50_ms"`
	P99            float64 `json:"p99_ms"`
	BareP50        float64 `json:"bare_p50_ms"`
	BareP99        float64 `json:"bare_p99_ms"`
}

// sendsType is the function that messages are sent to.
const sendsType functions.TypeName = "bench/send"

func (c *sendsConfig) requests(connections int, d time.Duration) benchmarks.HTTPConfig {
	return benchmarks.HTTPConfig{
		Connections: connections, Paths: sendPaths(c.ids()), ContentType: "application/vnd." + string(payload.Name()),
		Body: make([]byte, c.payload), Warmup: max(c.warmup, 1), Duration: d,
	}
}

func (c *sendsConfig) ids() []string {
	ids := make([]string, c.addresses)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	return ids
}

func sendPaths(ids []string) []string {
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = "/" + string(sendsType) + "/" + id
	}
	return paths
}

// measureSends runs a bare server, the node and the bare server again, for each
// number of connections.
func (s *suite) measureSends(ctx context.Context, cfg sendsConfig) error {
	r := &SendsReport{Addresses: cfg.addresses, PayloadBytes: cfg.payload, Seconds: cfg.duration.Seconds()}
	for i, n := range cfg.connections {
		var p *profiles
		if i == len(cfg.connections)-1 {
			p = cfg.profiles
		}
		c, err := s.compareSends(ctx, &cfg, n, p)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, c)
	}
	s.Sends = r
	return nil
}

func (s *suite) compareSends(ctx context.Context, cfg *sendsConfig, connections int, p *profiles) (c SendsComparison, err error) {
	var bare [2]benchmarks.HTTPResult
	half := cfg.requests(connections, max(cfg.duration/2, 1))
	runBare := func(i int) error {
		return s.step(fmt.Sprintf("bare HTTP, %d connections", connections), cfg.warmup+cfg.duration/2, func() (err error) {
			bare[i], err = benchmarks.BareHTTP(ctx, half)
			return err
		})
	}
	if err := runBare(0); err != nil {
		return c, err
	}
	var sent benchmarks.HTTPResult
	err = s.step(fmt.Sprintf("HTTP sends, %d connections", connections), cfg.warmup+cfg.duration, func() (err error) {
		sent, err = s.sends(ctx, cfg, connections, p)
		return err
	})
	if err == nil {
		err = runBare(1)
	}
	c = SendsComparison{
		Connections: connections, SendsPerSecond: sent.RequestsPerSecond,
		BareHalves: halves{bare[0].RequestsPerSecond, bare[1].RequestsPerSecond},
		P50:        ms(sent.Latency.P50), P99: ms(sent.Latency.P99), BareP50: ms(bare[0].Latency.P50), BareP99: ms(bare[0].Latency.P99),
	}
	c.BarePerSecond = c.BareHalves.mean()
	c.RatioToBare = quotient(c.SendsPerSecond, c.BarePerSecond)
	return c, err
}

// sends runs the requests on a node whose grains count them, and compares what is
// durable in the end with how many were answered.
func (s *suite) sends(ctx context.Context, cfg *sendsConfig, connections int, p *profiles) (r benchmarks.HTTPResult, err error) {
	count := functions.Value("sends", functions.Int64)
	f := functions.Function{Type: sendsType, States: []functions.State{count}, Handlers: []functions.Handler{
		functions.On(payload, func(ctx functions.Context, _ []byte) error {
			count.Update(ctx, func(n int64) int64 { return n + 1 })
			return nil
		}),
	}}
	err = withNode(ctx, s.start, s.dir, NodeConfig{HTTP: "127.0.0.1:0"}, func(n Node) error {
		requests := cfg.requests(connections, cfg.duration)
		end := p.coverLater(requests.Warmup)
		r, err = benchmarks.HTTPSends(ctx, strings.TrimPrefix(n.URL(), "http://"), requests)
		if err := errors.Join(err, end(), n.Engine().Idle(ctx)); err != nil {
			return err
		}
		counted, err := sumOf(n.Engine(), sendsType, cfg.ids())
		if err == nil && counted != r.All {
			err = fmt.Errorf("the grains counted %d messages of %d that were accepted", counted, r.All)
		}
		return err
	}, f)
	return r, err
}

func (r *SendsReport) print(c *console.Console) {
	c.Printf("HTTP sends, answered when durable: %d bytes to %s addresses, %s each\n", r.PayloadBytes, console.Count(r.Addresses), seconds(r.Seconds))
	t := newSheet(c, "connections", len(r.Runs), func(i int) string { return console.Count(r.Runs[i].Connections) })
	row := func(name string, cell func(s *SendsComparison) string) {
		t.row(name, func(i int) string { return cell(&r.Runs[i]) })
	}
	row("sends/s", func(s *SendsComparison) string { return console.Count(s.SendsPerSecond) })
	row("bare net/http, nothing but the answer", func(s *SendsComparison) string { return console.Count(s.BarePerSecond) })
	row("  before, after", func(s *SendsComparison) string { return s.BareHalves.String() })
	row("ratio to bare net/http", func(s *SendsComparison) string { return fmt.Sprintf("%.2f", s.RatioToBare) })
	row("p50, bare", func(s *SendsComparison) string { return fmt.Sprintf("%.2f ms, %.2f ms", s.P50, s.BareP50) })
	row("p99, bare", func(s *SendsComparison) string { return fmt.Sprintf("%.2f ms, %.2f ms", s.P99, s.BareP99) })
	t.print()
}

func (r *SendsReport) warnings() (out []string) {
	for i := range r.Runs {
		run := &r.Runs[i]
		out = append(out, run.BareHalves.warnings(fmt.Sprintf("%d connections: the bare HTTP server", run.Connections))...)
	}
	return out
}

func (o *options) sends() *cobra.Command {
	cfg := defaultSends()
	cmd := &cobra.Command{
		Use:   "http",
		Short: "Measure messages sent through HTTP",
		Long: `Measures messages sent to random grains through HTTP, each answered 202 when it is
durable, as fast as the connections allow: each has one request under way. The same
requests go to a bare net/http server that only answers 202, before and after.

The client runs beside the node, on the same cores. It does as little as it can: it
writes requests that were prepared before, and looks at no more of an answer than its
status. In the end the durable states of all grains must add up to the answers.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntSliceVar(&cfg.connections, "connections", cfg.connections, "`number` of connections; several are measured one after the other")
	f.IntVar(&cfg.addresses, "addresses", cfg.addresses, "`number` of grains")
	f.IntVar(&cfg.payload, "payload", cfg.payload, "size of a message in `bytes`")
	check := func(o *options) error {
		cfg = cfg.timed(o)
		errs := []error{inRange("--addresses", cfg.addresses, 1, 1_000_000), inRange("--payload", cfg.payload, 1, 1<<20)}
		for _, n := range cfg.connections {
			errs = append(errs, inRange("--connections", n, 1, 10_000))
		}
		return errors.Join(errs...)
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureSends(ctx, cfg) })
	return cmd
}
