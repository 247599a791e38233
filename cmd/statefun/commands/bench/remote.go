package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions"
)

// remoteConfig says how functions behind HTTP are measured.
type remoteConfig struct {
	server     []string // the command that serves them
	addresses  []int    // a measurement for each
	inFlight   int      // chains, 0 for the default of the number of addresses
	hops       int
	payload    int
	rate       int // of chains, when their latency is measured; 0: it is not
	liveGrains int // 0 for the node's default
	warmup     time.Duration
	duration   time.Duration
	profiles   *profiles
}

// remoteConnections is how many the bare client has.
const remoteConnections = 64

// latencyAddresses is how many there are when the latency is measured.
const latencyAddresses = 1000

func defaultRemote() remoteConfig {
	return remoteConfig{addresses: []int{1_000, 100_000}, hops: 4, payload: 64, rate: 1000}
}

// timed is the same with the durations and profiles of the flags.
func (c remoteConfig) timed(o *options) remoteConfig {
	c.warmup, c.duration, c.profiles = cmp.Or(o.warmup, time.Second), cmp.Or(o.duration, 5*time.Second), o.profiles
	return c
}

// defaultRemoteInFlight keeps batches full while others are being synced. Over few
// addresses more means more messages per request.
func defaultRemoteInFlight(int) int { return 4096 }

// RemoteReport is functions behind HTTP, every hop durable before the next call.
type RemoteReport struct {
	Server       string         `json:"server"`
	Hops         int            `json:"hops"`
	PayloadBytes int            `json:"payload_bytes"`
	Seconds      float64        `json:"seconds"`
	Runs         []RemoteRun    `json:"runs"`
	Latency      *RemoteLatency `json:"latency,omitempty"`
}

// RemoteRun is chains between some addresses, and the limit before and after: the
// requests of the same chains, one message in each, from a client that does nothing
// else, to the same server.
type RemoteRun struct {
	Addresses          int     `json:"addresses"`
	InFlight           int     `json:"in_flight"`
	MessagesPerSecond  float64 `json:"messages_per_second"`
	LimitPerSecond     float64 `json:"bare_requests_per_second"`
	LimitHalves        halves  `json:"bare_halves"`
	RatioToLimit       float64 `json:"ratio_to_bare"`
	MessagesPerRequest float64 `json:"messages_per_request"`
	MessagesPerBatch   float64 `json:"messages_per_batch"`
	AllocsPerMessage   float64 `json:"allocs_per_message"`
	// Microseconds of a core per message, and per request of the bare client; 0 if
	// not known.
	RuntimeMicros    float64 `json:"runtime_cpu_us"`
	ServerMicros     float64 `json:"server_cpu_us"`
	BareClientMicros float64 `json:"bare_client_cpu_us"`
	BareServerMicros float64 `json:"bare_server_cpu_us"`
	// Resident at most, while messages were counted; 0 if not known. That of the
	// runtime has what starts the chains in it.
	ResidentBytes       uint64 `json:"runtime_resident_bytes"`
	ServerResidentBytes uint64 `json:"server_resident_bytes"`
}

// measureRemote starts the function server, and measures all with it.
func (s *suite) measureRemote(ctx context.Context, cfg remoteConfig) (err error) {
	server, err := startFunctionServer(ctx, cfg.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	r := &RemoteReport{Server: strings.Join(cfg.server, " "), Hops: cfg.hops, PayloadBytes: cfg.payload, Seconds: cfg.duration.Seconds()}
	for i, n := range cfg.addresses {
		one := cfg
		if cfg.rate > 0 || i < len(cfg.addresses)-1 {
			one.profiles = nil // they are of what comes last
		}
		run, err := s.compareRemote(ctx, &one, server, n)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, run)
	}
	if cfg.rate > 0 {
		err = s.step(fmt.Sprintf("remote functions, %d chains/s", cfg.rate), cfg.warmup+2*cfg.duration, func() (err error) {
			r.Latency, err = s.remoteLatency(ctx, &cfg, server)
			return err
		})
	}
	s.Remote = r
	return err
}

// compareRemote runs the bare client, the node and the bare client again.
func (s *suite) compareRemote(ctx context.Context, cfg *remoteConfig, server *functionServer, addresses int) (r RemoteRun, err error) {
	c := newRemoteChains(cfg, addresses, cmp.Or(cfg.inFlight, defaultRemoteInFlight(addresses)))
	r = RemoteRun{Addresses: addresses, InFlight: int(c.inFlight)}
	bare := func(i int) error {
		return s.step("bare requests to the function server", cfg.warmup+cfg.duration/2, func() error { return r.bare(ctx, cfg, server, c, i) })
	}
	if err := bare(0); err != nil {
		return r, err
	}
	err = s.step(fmt.Sprintf("remote functions, %d addresses", addresses), cfg.warmup+cfg.duration+4*time.Second, func() error {
		return s.withRemoteNode(ctx, cfg, server, c.sink(), func(e *actors.Engine) error { return r.measure(ctx, cfg, server, c, e) })
	})
	if err == nil {
		err = bare(1)
	}
	r.LimitPerSecond = r.LimitHalves.mean()
	r.RatioToLimit = quotient(r.MessagesPerSecond, r.LimitPerSecond)
	return r, err
}

// maxBodies bounds the memory of the bare client.
const maxBodies = 10_000

// bare measures one half of the limit.
func (r *RemoteRun) bare(ctx context.Context, cfg *remoteConfig, server *functionServer, c *remoteChains, half int) error {
	client, served := benchmarks.ProcessTime(), server.cpu()
	b, err := benchmarks.RemoteCalls(ctx, benchmarks.RemoteConfig{
		URL: server.url, Bodies: c.bodies(maxBodies), Connections: remoteConnections, Warmup: cfg.warmup, Duration: max(cfg.duration/2, 1),
	})
	if err != nil {
		return err
	}
	r.LimitHalves[half] = b.RequestsPerSecond
	r.BareClientMicros = microsPer(benchmarks.ProcessTime()-client, b.All)
	r.BareServerMicros = microsPer(server.cpu()-served, b.All)
	return nil
}

// microsPer is the time of a core that each of n things took.
func microsPer(cpu time.Duration, n int64) float64 {
	return quotient(float64(cpu)/float64(time.Microsecond), float64(n))
}

// measure runs chains on a node, and compares the durable states in the end with what
// was sent.
func (r *RemoteRun) measure(ctx context.Context, cfg *remoteConfig, server *functionServer, c *remoteChains, e *actors.Engine) error {
	if err := c.activate(ctx, e); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	var served time.Duration
	var requests uint64
	u, err := c.measureFor(ctx, e, phase{
		warmup: cfg.warmup, duration: cfg.duration, profiles: cfg.profiles, count: func() int64 { return invocations(e, hop.Type) },
		observe: func() (end func()) {
			memory := watchResident(server)
			before, asked := server.cpu(), requestsOf(e, hop.Type)
			return func() {
				served, requests = server.cpu()-before, requestsOf(e, hop.Type)-asked
				r.ResidentBytes, r.ServerResidentBytes = memory.end()
			}
		},
	})
	if err != nil {
		return err
	}
	c.sent += c.started.Load() * int64(c.hops)
	r.MessagesPerSecond, r.AllocsPerMessage, r.MessagesPerBatch = u.MessagesPerSecond, u.AllocsPerMessage, u.MessagesPerBatch
	r.MessagesPerRequest = quotient(float64(u.Messages), float64(requests))
	r.RuntimeMicros = quotient(1e6, u.MessagesPerCoreSecond)
	r.ServerMicros = microsPer(served, u.Messages)
	return c.verify(e)
}

// requestsOf is how many requests were made for a function type.
func requestsOf(e *actors.Engine, t functions.TypeName) uint64 {
	return e.Metrics().Functions[t].Latency.Count
}

// moduleFile says where the functions are.
const moduleFile = `kind: io.statefun.endpoints.v2/http
spec:
  functions: %s/*
  urlPathTemplate: %s
`

// withRemoteNode runs f on a node whose functions are on the server.
func (s *suite) withRemoteNode(ctx context.Context, cfg *remoteConfig, server *functionServer, ended actors.Sink, f func(*actors.Engine) error) error {
	return withDirectory(s.dir, func(dir string) error {
		file := filepath.Join(dir, "module.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, moduleFile, hop.Type.Namespace(), server.url), 0o600); err != nil {
			return err
		}
		node := NodeConfig{
			DataDir: filepath.Join(dir, "data"), HTTP: "off", LiveGrains: cfg.liveGrains, Modules: []string{file},
			Egresses: map[functions.Egress]actors.Sink{hop.Ended: ended},
		}
		return runNode(ctx, s.start, node, func(n Node) error { return f(n.Engine()) })
	})
}

func (r *RemoteReport) print(c *console.Console) {
	c.Printf("Remote functions, every hop durable before the next call: chains of %d, %d bytes, one Long of state, %s each\n", r.Hops, r.PayloadBytes, seconds(r.Seconds))
	if len(r.Runs) > 0 {
		r.printRuns(c)
	}
	if r.Latency != nil {
		r.Latency.print(c)
	}
}

func (r *RemoteReport) printRuns(c *console.Console) {
	t := newSheet(c, "addresses", len(r.Runs), func(i int) string { return console.Count(r.Runs[i].Addresses) })
	row := func(name string, cell func(r *RemoteRun) string) {
		t.row(name, func(i int) string { return cell(&r.Runs[i]) })
	}
	row("messages/s", func(r *RemoteRun) string { return console.Count(r.MessagesPerSecond) })
	row(fmt.Sprintf("bare client, %d connections, requests/s", remoteConnections), func(r *RemoteRun) string { return console.Count(r.LimitPerSecond) })
	row("  before, after", func(r *RemoteRun) string { return r.LimitHalves.String() })
	row("ratio to bare client", func(r *RemoteRun) string { return fmt.Sprintf("%.2f", r.RatioToLimit) })
	row("chains in flight", func(r *RemoteRun) string { return console.Count(r.InFlight) })
	row("messages/request", func(r *RemoteRun) string { return fmt.Sprintf("%.1f", r.MessagesPerRequest) })
	row("messages/batch", func(r *RemoteRun) string { return console.Count(r.MessagesPerBatch) })
	row("CPU/message, runtime", func(r *RemoteRun) string { return known(r.RuntimeMicros, "%.1f µs") })
	row("  bare client", func(r *RemoteRun) string { return known(r.BareClientMicros, "%.1f µs") })
	row("CPU/message, function server", func(r *RemoteRun) string { return known(r.ServerMicros, "%.1f µs") })
	row("  asked by the bare client", func(r *RemoteRun) string { return known(r.BareServerMicros, "%.1f µs") })
	row("allocations/message", func(r *RemoteRun) string { return fmt.Sprintf("%.1f", r.AllocsPerMessage) })
	row("resident, runtime", func(r *RemoteRun) string { return known(mebibytes(r.ResidentBytes), "%.0f MiB") })
	row("resident, function server", func(r *RemoteRun) string { return known(mebibytes(r.ServerResidentBytes), "%.0f MiB") })
	t.print()
}

func mebibytes(n uint64) float64 { return float64(n) / (1 << 20) }

func (r *RemoteReport) warnings() (out []string) {
	for i := range r.Runs {
		run := &r.Runs[i]
		out = append(out, run.LimitHalves.warnings(fmt.Sprintf("remote functions, %s addresses: the bare client", console.Count(run.Addresses)))...)
	}
	if l := r.Latency; l != nil && l.ChainsPerSecond < 0.95*float64(l.Rate) {
		out = append(out, fmt.Sprintf("only %.0f of %d chains/s ended: the node could not keep up", l.ChainsPerSecond, l.Rate))
	}
	return out
}

// OfficialServer is the command that serves the function with StateFun's SDK for Go,
// of programs that have it.
const OfficialServer = "official-function-server"

// serveOwn is the command that serves it with this project's.
const serveOwn = "serve"

func (o *options) remote() *cobra.Command {
	cfg := defaultRemote()
	var server string
	cmd := &cobra.Command{
		Use:   "remote",
		Short: "Measure functions behind HTTP",
		Long: `Measures chains of messages between random addresses whose function is on a server of
its own, behind HTTP, on the same cores: each hop adds one to the address's state and
is durable before the next call; the last one sends to an egress.

The limit is a bare client: the requests of the same chains, with one message in each,
go to the same server over 64 connections, before and after. Then chains begin at a
fixed rate over 1,000 addresses, and their time counts from when they should have begun
until the egress has them.

The server is StateFun's official SDK for Go, if this program has it; --server own is
this project's, --server 'COMMAND ARGUMENT...' any other: a process that writes the URL
of its functions as its first line, and ends when its standard input does. In the end the
durable states of all addresses must add up to the messages that were sent.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.StringVar(&server, "server", "", "`command` that serves the functions, or: own, official")
	f.IntSliceVar(&cfg.addresses, "addresses", cfg.addresses, "`number` of addresses; several are measured one after the other")
	f.IntVar(&cfg.inFlight, "in-flight", 0, "`number` of chains under way at a time (default 4096)")
	f.IntVar(&cfg.hops, "hops", cfg.hops, "`number` of messages in a chain")
	f.IntVar(&cfg.payload, "payload", cfg.payload, "size of a message in `bytes`")
	f.IntVar(&cfg.rate, "rate", cfg.rate, "chains per `second` when their latency is measured; 0: it is not")
	f.IntVar(&cfg.liveGrains, "live-grains", 0, "`number` of grains, about, that stay in memory (default: as in any node)")
	check := func(o *options) (err error) {
		cfg = cfg.timed(o)
		if cfg.server, err = functionServerOf(cmd, server); err != nil {
			return err
		}
		return cfg.validate()
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureRemote(ctx, cfg) })
	cmd.AddCommand(o.serve())
	return cmd
}

// functionServerOf is the command that --server stands for.
func functionServerOf(cmd *cobra.Command, server string) ([]string, error) {
	official := false
	for _, c := range cmd.Root().Commands() {
		official = official || c.Name() == OfficialServer
	}
	switch {
	case server == "official" && !official:
		return nil, errors.New("--server official: this program does not have StateFun's SDK; the program statefun does")
	case server == "official", server == "" && official:
		return serverCommand(OfficialServer)
	case server == "own", server == "":
		return serverCommand("bench", "remote", serveOwn)
	}
	command := strings.Fields(server)
	if len(command) == 0 {
		return nil, fmt.Errorf("--server: expected a command, found %q", server)
	}
	return command, nil
}

func (c *remoteConfig) validate() error {
	errs := []error{
		inRange("--hops", c.hops, 1, math.MaxUint16), inRange("--payload", c.payload, hop.Bytes, 1<<20), inRange("--rate", c.rate, 0, 1_000_000),
		inRange("--in-flight", c.inFlight, 0, 1_000_000), inRange("--live-grains", c.liveGrains, 0, 1_000_000_000),
	}
	for _, n := range c.addresses {
		errs = append(errs, inRange("--addresses", n, 1, 10_000_000))
	}
	return errors.Join(errs...)
}
