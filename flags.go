package statefun

import (
	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
)

// flags lets the flags of a command set the configuration. What they leave alone
// stays as it is.
func (c *Config) flags(cmd *cobra.Command, defaults Config) {
	f := cmd.Flags()
	f.StringVar(&c.Name, "name", c.Name, "`name` of the application; refused if the data directory belongs to another one")
	f.StringVar(&c.DataDir, "data", defaults.DataDir, "`directory` that keeps everything")
	f.StringArrayVarP(&c.Modules, "file", "f", c.Modules, "module `file` (module.yaml), directory or file:// URL; more may follow")
	f.StringVar(&c.HTTP, "http", defaults.HTTP, "`HOST:PORT` to listen on (port 0: a free one), or off")
	f.StringVar(&c.Bind, "bind", c.Bind, "`HOST` for every listener, instead of its own")
	f.StringVar(&c.TLSCert, "tls-cert", c.TLSCert, "PEM `file` with the certificate to serve HTTPS with")
	f.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "PEM `file` with its key")
	f.StringVar(&c.TokenFile, "token-file", c.TokenFile, "`file` with the token that clients must present")
	f.BoolVar(&c.Insecure, "insecure", c.Insecure, "listen beyond loopback with neither TLS nor a token")

	f.IntVar(&c.KeyGroups, "key-groups", c.KeyGroups, "`number` of key groups, fixed when the data directory is made (default 128)")
	f.IntVar(&c.Workers, "workers", c.Workers, "`number` of loops that run grains (default: one per core)")
	f.IntVar(&c.LiveGrains, "live-grains", c.LiveGrains, "`number` of grains, about, that stay in memory (default 200,000, or 16,000 if all functions run elsewhere)")
	f.DurationVar(&c.IdleAfter, "idle-after", c.IdleAfter, "how long a grain that is not used stays in memory (default 30s)")
	f.DurationVar(&c.Deadline, "deadline", c.Deadline, "of an invocation (default 30s)")
	f.IntVar(&c.MaxAttempts, "max-attempts", c.MaxAttempts, "`number` of attempts before a message is quarantined (default 10)")
	f.DurationVar(&c.FirstBackoff, "first-backoff", c.FirstBackoff, "pause after the first failure, which doubles with each one (default 10ms)")
	f.DurationVar(&c.LastBackoff, "last-backoff", c.LastBackoff, "longest pause after a failure (default 10s)")
	f.Var(commands.Size[int]{Value: &c.MaxValueBytes}, "max-value-bytes", "`size` of the largest message or state (default 64MiB)")
	f.Var(commands.Size[int64]{Value: &c.LogBytes}, "log-bytes", "`size` of the journal's log, which bounds memory and recovery (default 256MiB)")
	f.Var(commands.Size[int64]{Value: &c.MaxBacklogBytes}, "max-backlog-bytes", "`size` of the journal on disk above which messages are refused (default 64GiB)")
	f.Var(reserve{&c.DiskReserve}, "disk-reserve", "`size` of the free disk space below which messages are refused, and functions pause below half of it; 0: none (default: --log-bytes, a tenth of the disk at most)")
	f.DurationVar(&c.IdempotencyKept, "idempotency-kept", c.IdempotencyKept, "how long idempotency keys count (default 24h)")
	f.DurationVar(&c.DrainFor, "drain-for", defaults.DrainFor, "how long a stop waits for work under way")
}

// reserve is a size of which 0 means none, and not the default.
type reserve struct{ value *int64 }

func (r reserve) size() commands.Size[int64] { return commands.Size[int64]{Value: r.value} }

// String is "" for the default.
func (r reserve) String() string {
	if r.value != nil && *r.value < 0 {
		return "0"
	}
	return r.size().String()
}

// Type is what help texts call a value.
func (r reserve) Type() string { return r.size().Type() }

// Set reads a size.
func (r reserve) Set(text string) error {
	if err := r.size().Set(text); err != nil {
		return err
	}
	if *r.value == 0 {
		*r.value = -1
	}
	return nil
}
