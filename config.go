package statefun

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Config says how a node runs. Its zero value is a node with a data directory
// "statefun-data" that listens on loopback.
type Config struct {
	// Name of the application. It is kept in the data directory, and refused if
	// it differs. Defaults to what the directory says, or "statefun".
	Name string
	// DataDir keeps everything. It is made if it does not exist. Defaults to
	// "statefun-data".
	DataDir string

	// Modules are module files (module.yaml), or directories of them: what they define
	// is added to the application, as App.Bind does.
	Modules []string
	// Kinds are the kinds of components in module files. Defaults to those of
	// StateFun. One of the program's own must make a [Component].
	Kinds *module.Registry

	// HTTP is where the node listens. Defaults to "127.0.0.1:8080". "off" does
	// not listen.
	HTTP string
	// Bind replaces the host of every listener.
	Bind string
	// TLSCert and TLSKey are PEM files.
	TLSCert, TLSKey string
	// TokenFile holds the token that clients must present.
	TokenFile string
	// Insecure allows to listen beyond loopback with neither TLS nor a token.
	Insecure bool

	// KeyGroups is fixed when an application is created. Defaults to 128.
	KeyGroups int
	// Workers run grains. Defaults to GOMAXPROCS.
	Workers int
	// LiveGrains is about how many grains stay in memory. Defaults to 200,000, or
	// 16,000 where all functions run elsewhere.
	LiveGrains int
	// IdleAfter is how long a grain stays in memory unused. Defaults to 30 s.
	IdleAfter time.Duration
	// Deadline of an invocation. Defaults to 30 s.
	Deadline time.Duration
	// MaxAttempts before a message is quarantined. Defaults to 10.
	MaxAttempts int
	// FirstBackoff doubles with every failed attempt, up to LastBackoff. Default
	// to 10 ms and 10 s.
	FirstBackoff, LastBackoff time.Duration
	// MaxValueBytes bounds messages and states. Defaults to 64 MiB.
	MaxValueBytes int
	// LogBytes bounds the journal's log. Defaults to 256 MiB.
	LogBytes int64
	// MaxBacklogBytes is the disk space of the journal above which ingresses
	// refuse messages. Defaults to 64 GiB.
	MaxBacklogBytes int64
	// DiskReserve is the free disk space in bytes below which ingresses refuse
	// messages; below half of it functions pause, too. Defaults to LogBytes, or a
	// tenth of the disk if that is less. Negative: no reserve.
	DiskReserve int64
	// IdempotencyKept is how long idempotency keys count. Defaults to 24 h.
	IdempotencyKept time.Duration
	// DrainFor bounds how long a stop waits for work under way. Defaults to 10 s.
	DrainFor time.Duration

	verifyBytes int64 // see persistence.Options, for tests

	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// Environment is the door to the world. Defaults to the real one.
	Environment *environment.Environment
}

func (c *Config) setDefaults() {
	c.DataDir = cmp.Or(c.DataDir, "statefun-data")
	c.HTTP = cmp.Or(c.HTTP, "127.0.0.1:8080")
	c.DrainFor = cmp.Or(c.DrainFor, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Environment == nil {
		c.Environment = environment.Real()
	}
}

func (c *Config) validate() error {
	if c.HTTP != "off" {
		if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
			return fmt.Errorf("statefun: HTTP: expected HOST:PORT or off, found %q", c.HTTP)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("statefun: TLSCert and TLSKey go together, found %q and %q", c.TLSCert, c.TLSKey)
	}
	if c.KeyGroups < 0 || c.KeyGroups > persistence.MaxKeyGroups {
		return fmt.Errorf("statefun: KeyGroups: expected 1 to %d, found %d", persistence.MaxKeyGroups, c.KeyGroups)
	}
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"Workers", int64(c.Workers)}, {"LiveGrains", int64(c.LiveGrains)}, {"MaxAttempts", int64(c.MaxAttempts)},
		{"MaxValueBytes", int64(c.MaxValueBytes)}, {"LogBytes", c.LogBytes}, {"MaxBacklogBytes", c.MaxBacklogBytes},
		{"IdleAfter", int64(c.IdleAfter)}, {"Deadline", int64(c.Deadline)}, {"FirstBackoff", int64(c.FirstBackoff)}, {"LastBackoff", int64(c.LastBackoff)},
		{"IdempotencyKept", int64(c.IdempotencyKept)}, {"DrainFor", int64(c.DrainFor)},
	} {
		if v.value < 0 {
			return fmt.Errorf("statefun: %s: expected 0 or more, found %d", v.name, v.value)
		}
	}
	return nil
}

// listenAddress is HTTP with Bind's host.
func (c *Config) listenAddress() string {
	host, port, err := net.SplitHostPort(c.HTTP)
	if err != nil || c.Bind == "" {
		return c.HTTP
	}
	return net.JoinHostPort(cmp.Or(c.Bind, host), port)
}

func (c *Config) engineOptions(journalDir string, keyGroups int) actors.Options {
	return actors.Options{
		Environment: c.Environment, Logger: c.Logger,
		Journal: persistence.Options{Dir: journalDir, LogBytes: c.LogBytes, DiskReserve: c.DiskReserve, VerifyBytes: c.verifyBytes},
		Workers: c.Workers, KeyGroups: keyGroups, LiveGrains: c.LiveGrains, IdleAfter: c.IdleAfter,
		Deadline: c.Deadline, MaxAttempts: c.MaxAttempts, FirstBackoff: c.FirstBackoff, LastBackoff: c.LastBackoff,
		MaxValueBytes: c.MaxValueBytes, MaxBacklogBytes: c.MaxBacklogBytes, IdempotencyKept: c.IdempotencyKept,
	}
}

// httpOptions are those of the node's server, less what it says of the node.
func (c *Config) httpOptions(node http.Node) http.Options {
	return http.Options{
		Node: node, Environment: c.Environment, Logger: c.Logger, Address: c.listenAddress(),
		MaxBodyBytes: int64(c.MaxValueBytes), MaxBodiesBytes: max(256<<20, 2*int64(c.MaxValueBytes)),
		Access: http.Access{TLSCert: c.TLSCert, TLSKey: c.TLSKey, TokenFile: c.TokenFile, Insecure: c.Insecure},
	}
}
