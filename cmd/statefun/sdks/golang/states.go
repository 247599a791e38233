package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/flink-statefun/statefun-sdk-go/v3/pkg/statefun"
)

var countsType = statefun.MakeJsonType(statefun.TypeNameFrom("sdks/counts"))

// states are those of the function program, by name.
type states map[string]statefun.ValueSpec

func (s states) String() string { return "" }

// Set implements flag.Value.
func (s states) Set(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 2 && len(parts) != 4 {
		return fmt.Errorf("expected NAME:TYPE[:MODE:MS], found %q", text)
	}
	spec := statefun.ValueSpec{Name: parts[0], ValueType: statefun.Int32Type}
	if parts[1] == "counts" {
		spec.ValueType = countsType
	}
	if len(parts) == 4 {
		ms, err := strconv.Atoi(parts[3])
		if err != nil {
			return err
		}
		ttl := time.Duration(ms) * time.Millisecond
		spec.Expiration = statefun.ExpireAfterCall(ttl)
		if parts[2] == "write" {
			spec.Expiration = statefun.ExpireAfterWrite(ttl)
		}
	}
	s[spec.Name] = spec
	return nil
}

func (s states) all() []statefun.ValueSpec {
	var out []statefun.ValueSpec
	for _, spec := range s {
		out = append(out, spec)
	}
	slices.SortFunc(out, func(a, b statefun.ValueSpec) int { return strings.Compare(a.Name, b.Name) })
	return out
}
