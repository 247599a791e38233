package persistence
import (
_ "github.com/asynkron/protoactor-go/actor"
_ "github.com/cockroachdb/pebble/v2"
_ "github.com/spf13/cobra"
_ "github.com/tidwall/btree"
_ "google.golang.org/protobuf/proto"
_ "github.com/prometheus/client_golang/prometheus"
_ "go.uber.org/goleak"
_ "github.com/cespare/xxhash/v2"
_ "golang.org/x/sys/unix"
_ "golang.org/x/sync/errgroup"
_ "github.com/cockroachdb/datadriven"
_ "golang.org/x/term"
_ "github.com/charmbracelet/lipgloss"
_ "github.com/jedib0t/go-pretty/v6/table"
_ "gopkg.in/yaml.v3"
)
