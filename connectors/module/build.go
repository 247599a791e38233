package module

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	maxFileBytes = 1 << 20
	maxDepth     = 64
	maxValues    = 100_000 // of one file, each alias expanded
	maxKeyBytes  = 1 << 10
)

// builder makes Values of one file's YAML.
type builder struct {
	report     *report
	references references
	file       string
	values     int
	full       bool // a limit was hit: the rest is left out
}

// documents returns what the documents of a stream hold, without those that are
// null. What is wrong with the YAML itself is reported; then the documents before
// it are returned.
func (b *builder) documents(data []byte) []*Value {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		b.syntaxError(data, err)
		return nil
	}
	var out []*Value
	for {
		var n yaml.Node
		err := loader.Load(&n)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			b.syntaxError(data, err)
			return out
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
			continue
		}
		v := b.value(n.Content[0], nil, "", 0, 0)
		if b.full {
			return nil
		}
		if v.shape != null {
			out = append(out, v)
		}
	}
}

func (b *builder) syntaxError(data []byte, err error) {
	place := Place{File: b.file}
	message := err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		place.Line, place.Column = e.Mark.Line, e.Mark.Column
		message = e.Message
		if e.ContextMsg != "" {
			message = e.ContextMsg + ": " + message
		}
	}
	if place.Line == 0 {
		place.Line, place.Column = firstUnreadable(data)
	}
	b.report.error(Problem{place, "", fmt.Sprintf("Failed loading a module at %s: expected YAML, but %s", b.file, message)})
}

// firstUnreadable finds the character that YAML does not allow, which its reader
// does not locate.
func firstUnreadable(data []byte) (line, column int) {
	line, column = 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return line, column
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return line, column
}

// value makes a Value of a node. Aliases are replaced by copies of what they stand
// for: they have their own paths, and the places of the original.
func (b *builder) value(n *yaml.Node, parent *Value, key string, index, depth int) *Value {
	v := &Value{report: b.report, place: Place{b.file, n.Line, n.Column}, parent: parent, key: key, index: index}
	b.values++
	switch {
	case b.full:
		return v
	case depth > maxDepth:
		b.full = true
		v.Errorf("expected at most %d levels of nesting, found more", maxDepth)
		return v
	case b.values > maxValues:
		b.full = true
		v.Errorf("expected at most %d values in a file, found more (aliases count as often as they are used)", maxValues)
		return v
	}
	switch n.Kind {
	case yaml.AliasNode:
		b.values-- // the node itself counts
		return b.value(n.Alias, parent, key, index, depth+1)
	case yaml.SequenceNode:
		v.shape = list
		for i, item := range n.Content {
			v.items = append(v.items, b.value(item, v, "", i, depth+1))
		}
	case yaml.MappingNode:
		v.shape = mapping
		b.mapping(v, n, depth)
	case yaml.ScalarNode:
		b.scalar(v, n)
	}
	return v
}

func (b *builder) scalar(v *Value, n *yaml.Node) {
	if n.Tag == "!!null" {
		return
	}
	v.shape = scalar
	v.written = n.Value
	text, found, err := b.references.follow(n.Value)
	if err != nil {
		v.broken = true
		v.Errorf("%s", err)
	}
	v.text = text
	v.isText = found || n.Tag == "!!str"
}

// mapping fills v. Keys that merge other mappings (<<) come last: what the mapping
// has itself counts.
func (b *builder) mapping(v *Value, n *yaml.Node, depth int) {
	var merged []*yaml.Node
	at := map[string]Place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		for k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		place := Place{b.file, k.Line, k.Column}
		if k.Tag == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if problem := badKey(k); problem != "" {
			b.report.error(Problem{place, v.Field(), problem})
			continue
		}
		if first, ok := at[k.Value]; ok {
			b.report.error(Problem{place, v.Field(), fmt.Sprintf(
				"expected every key once, found %s again; first at %s", quote(k.Value), first)})
			continue
		}
		at[k.Value] = place
		v.entries = append(v.entries, entry{k.Value, place, b.value(value, v, k.Value, 0, depth+1)})
	}
	for _, m := range merged {
		b.merge(v, m, at, depth+1)
	}
}

func badKey(k *yaml.Node) string {
	switch {
	case k.Kind != yaml.ScalarNode:
		return "expected a text as key, found a list or a mapping"
	case len(k.Value) > maxKeyBytes:
		return fmt.Sprintf("expected a key of at most %d bytes, found one of %d", maxKeyBytes, len(k.Value))
	}
	return ""
}

func (b *builder) merge(v *Value, n *yaml.Node, at map[string]Place, depth int) {
	from := b.value(n, v, "<<", 0, depth)
	sources := []*Value{from}
	if from.shape == list {
		sources = from.items
	}
	for _, s := range sources {
		if s.shape != mapping {
			if !b.full {
				s.Errorf("expected a mapping to merge, found %s", s.Shown())
			}
			continue
		}
		for _, e := range s.entries {
			if _, ok := at[e.key]; !ok {
				at[e.key] = e.place
				e.value.parent = v
				v.entries = append(v.entries, e)
			}
		}
	}
}
