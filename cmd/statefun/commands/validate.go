package commands

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// maxProblems is how many errors, and warnings, are shown.
const maxProblems = 100

// moduleHelp says where module files are.
const moduleHelp = `A directory stands for the files module.yaml in it and right below it; file:// URLs
will do, too. Without -f, it is what the environment variable ` + module.LocationVariable + ` has (paths,
separated by commas), or else ` + module.DefaultDirectory + `.`

// validate is the command that checks module files.
type validate struct {
	console *console.Console
	program Program
	paths   []string
	json    bool
}

func validateCommand(c *console.Console, p Program) *cobra.Command {
	v := &validate{console: c, program: p}
	cmd := &cobra.Command{
		Use:   "validate -f <file>...",
		Short: "Check module files (module.yaml) and show what they define",
		Long: `Reads module files as "run" does and says what is wrong with them, each error and
warning with file, line and column, on standard error. Nothing is started. What the
files refer to must be here: environment variables, secrets, certificates.

` + moduleHelp + `

` + exit.Help + ` Warnings alone are 0.`,
		Example: `  statefun validate -f module.yaml
  statefun validate -f modules/ more.yaml --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			v.paths = append(v.paths, args...)
			return v.run()
		},
	}
	cmd.Flags().StringArrayVarP(&v.paths, "file", "f", nil, "module `file` or directory; more may follow")
	jsonFlag(cmd, &v.json)
	return cmd
}

// noConnector warns of a component that is read and checked, but cannot run.
const noConnector = `this version has no connector for it: "run" refuses the module`

// validated is what --json prints.
type validated struct {
	Valid      bool             `json:"valid"`
	Files      []string         `json:"files"`
	Components []component      `json:"components"`
	Errors     []module.Problem `json:"errors"`
	MoreErrors int              `json:"more_errors,omitempty"`
	Warnings   []module.Problem `json:"warnings"`
}

type component struct {
	module.Place

	Kind        functions.TypeName `json:"kind"`
	Description string             `json:"description"`
}

func (v *validate) run() error {
	if len(v.paths) == 0 {
		found, err := module.Locations{}.Find()
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		v.paths = found
	}
	o := module.Options{Registry: v.program.Kinds, MaxProblems: maxProblems}
	for _, f := range v.program.Functions {
		o.Functions = append(o.Functions, functions.TypeName(f))
	}
	m, warnings, err := module.Load(v.paths, o)
	r := &validated{Files: []string{}, Components: []component{}, Errors: []module.Problem{}, Warnings: append([]module.Problem{}, warnings...)}
	if e, ok := errors.AsType[*module.LoadError](err); ok {
		r.Errors, r.MoreErrors = e.Problems, e.More
		err = fmt.Errorf("the module is not valid: %s", plural(len(e.Problems)+e.More, "error"))
	}
	if m != nil {
		r.Valid = true
		r.Files = append(r.Files, m.Files...)
		for _, c := range m.Components {
			d := c.Defined()
			r.Components = append(r.Components, component{d.Place, d.Kind, c.String()})
			if connects := v.program.Connects; connects != nil && !connects(c) {
				r.Warnings = append(r.Warnings, module.Problem{Place: d.Place, Field: "kind", Message: noConnector})
			}
		}
	}
	if v.json {
		return errors.Join(err, v.console.JSON(r))
	}
	v.print(r)
	return err
}

func (v *validate) print(r *validated) {
	c := v.console
	for _, p := range r.Errors {
		c.Notef("%s", console.Clean(p.String()))
	}
	if r.MoreErrors > 0 {
		c.Notef("and %s more", console.Count(r.MoreErrors))
	}
	for _, p := range r.Warnings {
		p.Message = "warning: " + p.Message
		c.Notef("%s", console.Clean(p.String()))
	}
	if !r.Valid {
		return
	}
	if len(r.Components) > 0 {
		t := c.Table("KIND", "WHAT", "WHERE")
		for _, x := range r.Components {
			t.Row(string(x.Kind), x.Description, x.Place.String())
		}
		t.Print()
	}
	c.Printf("valid: %s in %s\n", plural(len(r.Components), "component"), plural(len(r.Files), "file"))
}
