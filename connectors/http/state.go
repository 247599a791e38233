package http

import (
	"encoding/base64"
	"net/http"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/functions"
)

// StateList is what is answered to GET …/state.
type StateList struct {
	Address functions.Address `json:"address"`
	States  []StateInfo       `json:"states"`
}

// StateInfo describes a state of an address.
type StateInfo struct {
	Name string             `json:"name"`
	Type functions.TypeName `json:"type"`
	// Kind is "value", "list" or "map".
	Kind string `json:"kind"`
	// Size is the bytes of a value, the entries of a list or map.
	Size    int       `json:"size"`
	Expires time.Time `json:"expires,omitzero"`
}

func stateInfos(values []actors.StateValue) []StateInfo {
	out := make([]StateInfo, len(values))
	for i, v := range values {
		out[i] = StateInfo{v.Name, v.Type, v.Kind, v.Size, v.Expires}
	}
	return out
}

// viewer shows state.
type viewer struct {
	states       States
	types        *jsonview.Types
	writeTimeout time.Duration
}

// serve handles GET of a state, or of all states of an address.
func (v *viewer) serve(w http.ResponseWriter, r *http.Request, typ, escapedID, escapedName string) error {
	t, err := decodeType(typ)
	if err != nil {
		return err
	}
	a, err := decodeAddress(t, escapedID)
	if err != nil {
		return err
	}
	name, err := httpserver.Decode(escapedName)
	if err != nil {
		return err
	}
	if name == "" {
		return v.list(w, a)
	}
	return v.show(w, r, a, name)
}

func (v *viewer) list(w http.ResponseWriter, a functions.Address) error {
	values, err := v.states.State(a)
	if err != nil {
		return err
	}
	if _, known := v.states.Function(a.Type); !known && len(values) == 0 {
		return unknownFunction(a.Type)
	}
	return writeJSON(w, v.writeTimeout, StateList{a, stateInfos(values)})
}

func (v *viewer) show(w http.ResponseWriter, r *http.Request, a functions.Address, name string) error {
	s, err := v.find(a, name)
	if err != nil {
		return err
	}
	if s.kind == functions.KindValue {
		return v.value(w, r, a, &s)
	}
	e := newEntries(w, v, &s)
	if _, err := v.states.StateEntries(a, name, e.next); err != nil {
		return e.failed(err)
	}
	return e.end()
}

// shape is what is to be known of a state before its content comes.
type shape struct {
	name     string
	kind     functions.StateKind
	typ      functions.TypeName
	declared functions.State // nil: the function does not say
}

// find returns the shape of a state.
func (v *viewer) find(a functions.Address, name string) (shape, error) {
	f, known := v.states.Function(a.Type)
	if known {
		for _, s := range f.States {
			if spec := s.Spec(); spec.Name == name {
				return shape{name, spec.Kind, spec.Type, s}, nil
			}
		}
	}
	values, err := v.states.State(a)
	if err != nil {
		return shape{}, err
	}
	for i := range values {
		if values[i].Name == name {
			return shape{name, kindOf(values[i].Kind), values[i].Type, nil}, nil
		}
	}
	if !known && len(values) == 0 {
		return shape{}, unknownFunction(a.Type)
	}
	return shape{}, httpserver.Refuse(http.StatusNotFound, "%s has no state %q here", a.Type, httpserver.Clip(name))
}

func kindOf(name string) functions.StateKind {
	for _, k := range []functions.StateKind{functions.KindList, functions.KindMap} {
		if k.String() == name {
			return k
		}
	}
	return functions.KindValue
}

// value answers with a single value.
func (v *viewer) value(w http.ResponseWriter, r *http.Request, a functions.Address, s *shape) error {
	var value []byte
	state, err := v.states.StateEntries(a, s.name, func(e actors.StateEntry) bool {
		value = e.Value
		return true
	})
	if err != nil {
		return err
	}
	s.typ = state.Type
	if wantsJSON(r.Header) {
		w.Header()["Content-Type"] = httpserver.ContentTypeJSON
		value = append(v.appendJSON(nil, s, value), '\n')
	} else {
		httpserver.SetType(w.Header(), s.typ)
	}
	if _, err := newSlowWriter(w, v.writeTimeout).Write(value); err != nil {
		return errSent
	}
	return nil
}

// appendJSON shows a value as JSON, or {"base64": "…"}.
func (v *viewer) appendJSON(b []byte, s *shape, value []byte) []byte {
	if s.declared != nil && s.declared.Spec().Type == s.typ {
		if text, err := s.declared.AsJSON(value); err == nil {
			if shown, ok := jsonview.Compact(b, text); ok {
				return shown
			}
		}
	}
	if shown, ok := v.types.Append(b, s.typ, value); ok {
		return shown
	}
	b = append(b, `{"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, `"}`...)
}
