package protocol

import (
	"google.golang.org/protobuf/encoding/protowire"
)

func (d *Decoder) toFunction(b []byte, m *ToFunction) error {
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		if b = rest; f.number != fieldInvocation {
			continue
		}
		if err := message(&f, &m.Invocation, d.batch); err != nil {
			return at("invocation", err)
		}
	}
	return nil
}

func (d *Decoder) batch(b []byte, r *InvocationBatchRequest) error {
	r.Present = true
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := message(&f, &r.Target, d.address); err != nil {
				return at("target", err)
			}
		case 2:
			r.State = append(r.State, PersistedValue{})
			if err := d.state(&f, &r.State[len(r.State)-1]); err != nil {
				return atElement("state", len(r.State)-1, err)
			}
		case 3:
			r.Invocations = append(r.Invocations, Invocation{})
			if err := d.invocation(&f, &r.Invocations[len(r.Invocations)-1]); err != nil {
				return atElement("invocations", len(r.Invocations)-1, err)
			}
		}
	}
	return nil
}

// begin checks a field that holds one more element of a list.
func (d *Decoder) begin(f *field) error {
	if err := f.must(protowire.BytesType); err != nil {
		return err
	}
	return d.element()
}

func (d *Decoder) state(element *field, p *PersistedValue) error {
	if err := d.begin(element); err != nil {
		return err
	}
	var f field
	for b := element.bytes; len(b) > 0; {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := d.name(&f, &p.StateName); err != nil {
				return at("state_name", err)
			}
		case 2:
			if err := message(&f, &p.StateValue, d.typedValue); err != nil {
				return at("state_value", err)
			}
		}
	}
	return nil
}

func (d *Decoder) invocation(element *field, v *Invocation) error {
	if err := d.begin(element); err != nil {
		return err
	}
	var f field
	for b := element.bytes; len(b) > 0; {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := message(&f, &v.Caller, d.address); err != nil {
				return at("caller", err)
			}
		case 2:
			if err := message(&f, &v.Argument, d.typedValue); err != nil {
				return at("argument", err)
			}
		}
	}
	return nil
}
