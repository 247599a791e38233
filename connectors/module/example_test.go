package module_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// clock is an ingress of an application's own: it sends a message now and then.
type clock struct {
	module.Definition

	id     functions.TypeName
	every  time.Duration
	target functions.TypeName
}

func (c *clock) IngressID() functions.TypeName { return c.id }
func (c *clock) String() string                { return fmt.Sprintf("every %s to %s", c.every, c.target) }

// A kind of an application's own is registered with the function that reads its
// spec. What that does not ask for is unknown.
func ExampleRegistry_Register() {
	r := module.NewRegistry()
	err := r.Register("com.example/clock", func(d module.Definition, spec *module.Object) module.Component {
		c := &clock{Definition: d, every: time.Minute}
		c.id, _ = spec.Need("id", "<namespace>/<name>").TypeName()
		c.target, _ = spec.Need("target", "a function type").FunctionType()
		if v := spec.Get("every"); v != nil {
			d, ok := v.Duration()
			if ok && d < time.Second {
				v.Errorf("expected at least 1s, found %s", v.Shown())
			}
			c.every = d
		}
		return c
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	options := module.Options{Registry: r, Functions: []functions.TypeName{"com.example/greeter"}}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, every := range []string{"every: 5s", "every: 5ms", "evry: 5s"} {
		text := "kind: com.example/clock\nspec:\n  id: com.example/ticks\n  target: com.example/greeter\n  " + every + "\n"
		file := filepath.Join(dir, "module.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
		m, warnings, err := module.Load([]string{dir}, options)
		for _, w := range warnings {
			fmt.Printf("%d:%d: %s: %s\n", w.Line, w.Column, w.Field, w.Message)
		}
		if err != nil {
			p := err.(*module.LoadError).Problems[0] //nolint:errorlint // that very type is promised
			fmt.Printf("%d:%d: %s: %s\n", p.Line, p.Column, p.Field, p.Message)
			continue
		}
		fmt.Println(m.Ingresses[0])
	}
	// Output:
	// every 5s to com.example/greeter
	// 5:10: spec.every: expected at least 1s, found "5ms"
	// 5:3: spec.evry: unknown key, it is ignored; did you mean every?
	// every 1m0s to com.example/greeter
}
