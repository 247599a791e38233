package remote

import (
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// function is a function type that can be served.
type function struct {
	*functions.Function
	states []*functions.StateSpec
}

func newFunction(f *functions.Function) (*function, error) {
	errs := []error{f.Validate()}
	if errs[0] != nil {
		return nil, errs[0]
	}
	fn := &function{Function: f}
	for _, s := range f.States {
		fn.states = append(fn.states, s.Spec())
		errs = append(errs, onlyValues(s.Spec()))
	}
	for _, name := range f.AsyncOperations() {
		errs = append(errs, asyncImpossible(name))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("remote: function %q: %w", f.Type, err)
	}
	return fn, nil
}

// onlyValues refuses the kinds of state that the protocol does not have.
func onlyValues(s *functions.StateSpec) error {
	if s.Kind == functions.KindValue {
		return nil
	}
	return fmt.Errorf("state %q is a %v: a remote function can only have values, of one type such as JSON", s.Name, s.Kind)
}

func asyncImpossible(name string) error {
	return fmt.Errorf("asynchronous work %q: a remote function can only do the work in its handler, and wait", name)
}
