package commands

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// modulePath is this module's.
const modulePath = "github.com/statefun-go/statefun"

// version is what `version` shows.
type version struct {
	Version  string `json:"version"`            // of the runtime
	Revision string `json:"revision,omitempty"` // of the program
	Modified bool   `json:"modified,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func versionCommand(c *console.Console) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			v := versionOf(info)
			if asJSON {
				return c.JSON(v)
			}
			c.Printf("%s %s (statefun %s), %s %s/%s\n",
				cmd.Root().Name(), cmp.Or(v.revision(), "unknown revision"), v.Version, v.Go, v.OS, v.Arch)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func versionOf(info *debug.BuildInfo) version {
	v := version{Version: "devel", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		return v
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" && m.Version != "(devel)" {
			v.Version = m.Version
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// revision is short, and says whether it is what was built.
func (v version) revision() string {
	r := v.Revision
	if len(r) > 12 {
		r = r[:12]
	}
	if v.Modified {
		r += " with changes"
	}
	return r
}

func jsonFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "json", false, "print JSON")
}
