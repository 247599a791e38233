package persistence

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// specs numbers the states of function types; records refer to them by number.
type specs struct {
	mu    sync.RWMutex
	known map[specName]*Spec
	byID  map[SpecID]*Spec
	next  SpecID
}

type specName struct {
	function functions.TypeName
	name     string
}

// Spec is a state that the journal knows.
type Spec struct {
	ID       SpecID
	Function functions.TypeName
	functions.StateSpec
}

// StateTypeError says that a state was declared differently before.
type StateTypeError struct {
	Function functions.TypeName
	State    string
	Was, Is  string
}

func (e *StateTypeError) Error() string {
	return fmt.Sprintf("an error occurred for state [%s] of %s. Previous type was: %s, new type is: %s",
		e.State, e.Function, e.Was, e.Is)
}

// Spec returns the number of a function's state; a new one is journaled before
// anything that can refer to it. The expiration of a known state stays as it was
// first declared.
func (j *Journal) Spec(function functions.TypeName, s *functions.StateSpec) (*Spec, error) {
	j.specs.mu.Lock()
	defer j.specs.mu.Unlock()
	name := specName{function, s.Name}
	if known := j.specs.known[name]; known != nil {
		if known.Kind != s.Kind || known.Type != s.Type {
			return nil, &StateTypeError{function, s.Name, describe(&known.StateSpec), describe(s)}
		}
		return known, nil
	}
	spec := &Spec{ID: j.specs.next + 1, Function: function, StateSpec: *s}
	tx := &Transaction{Rows: []Row{{Key: specKey(spec.ID), Value: encodeSpec(spec)}}}
	if err := j.Outside().AppendNow(tx); err != nil {
		return nil, err
	}
	j.specs.enter(spec)
	return spec, nil
}

// SpecByID returns a known state.
func (j *Journal) SpecByID(id SpecID) (*Spec, bool) {
	j.specs.mu.RLock()
	defer j.specs.mu.RUnlock()
	s, ok := j.specs.byID[id]
	return s, ok
}

// Specs returns the states that a function is known to have, in the order in
// which they were declared.
func (j *Journal) Specs(function functions.TypeName) []*Spec {
	j.specs.mu.RLock()
	defer j.specs.mu.RUnlock()
	var out []*Spec
	for _, s := range j.specs.byID {
		if s.Function == function {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *Spec) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (s *specs) enter(spec *Spec) {
	s.known[specName{spec.Function, spec.Name}] = spec
	s.byID[spec.ID] = spec
	s.next = max(s.next, spec.ID)
}

func describe(s *functions.StateSpec) string {
	switch s.Kind {
	case functions.KindList:
		return "list of " + string(s.Type)
	case functions.KindMap:
		return "map of " + string(s.Type)
	default:
		return string(s.Type)
	}
}

func specKey(id SpecID) []byte {
	return binary.BigEndian.AppendUint32(MetaKey("state/"), uint32(id))
}

const specVersion = 1

var errSpec = errors.New("persistence: malformed state declaration")

func encodeSpec(s *Spec) []byte {
	b := appendString([]byte{specVersion}, s.Function)
	b = appendString(b, s.Name)
	b = append(b, byte(s.Kind), byte(s.Mode))
	b = binary.AppendUvarint(b, uint64(s.TTL))
	return appendString(b, s.Type)
}

func decodeSpec(row Row) (*Spec, error) {
	if len(row.Key) != len(specKey(0)) {
		return nil, fmt.Errorf("%w: key %x", errSpec, row.Key)
	}
	d := decoder{b: row.Value}
	if err := d.version(specVersion, errSpec); err != nil {
		return nil, err
	}
	s := &Spec{ID: SpecID(binary.BigEndian.Uint32(row.Key[len(row.Key)-4:]))}
	s.Function, s.Name = functions.TypeName(d.string()), d.string()
	s.Kind, s.Mode = functions.StateKind(d.byte()), functions.ExpireMode(d.byte())
	s.TTL, s.Type = time.Duration(d.uvarint()), functions.TypeName(d.string())
	if err := d.end(errSpec); err != nil {
		return nil, fmt.Errorf("%w: key %x", err, row.Key)
	}
	return s, nil
}

func (j *Journal) loadSpecs() error {
	j.specs.known, j.specs.byID = map[specName]*Spec{}, map[SpecID]*Spec{}
	var inner error
	err := j.ScanAll(PrefixRange(MetaKey("state/")), func(r Row) bool {
		var s *Spec
		if s, inner = decodeSpec(r); inner == nil {
			j.specs.enter(s)
		}
		return inner == nil
	})
	return cmp.Or(inner, err)
}
