package protocol

func (d *Decoder) fromFunction(b []byte, m *FromFunction) error {
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case fieldResult:
			m.IncompleteInvocationContext.reset()
			if err := message(&f, &m.InvocationResult, d.result); err != nil {
				return at("invocation_result", err)
			}
		case fieldIncomplete:
			m.InvocationResult.reset()
			if err := message(&f, &m.IncompleteInvocationContext, d.incomplete); err != nil {
				return at("incomplete_invocation_context", err)
			}
		}
	}
	return nil
}

func (d *Decoder) result(b []byte, r *InvocationResponse) error {
	r.Present = true
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			r.StateMutations = append(r.StateMutations, PersistedValueMutation{})
			if err := d.mutation(&f, &r.StateMutations[len(r.StateMutations)-1]); err != nil {
				return atElement("state_mutations", len(r.StateMutations)-1, err)
			}
		case 2:
			r.OutgoingMessages = append(r.OutgoingMessages, OutgoingMessage{})
			if err := d.outgoing(&f, &r.OutgoingMessages[len(r.OutgoingMessages)-1]); err != nil {
				return atElement("outgoing_messages", len(r.OutgoingMessages)-1, err)
			}
		case 3:
			r.DelayedInvocations = append(r.DelayedInvocations, DelayedInvocation{})
			if err := d.delayed(&f, &r.DelayedInvocations[len(r.DelayedInvocations)-1]); err != nil {
				return atElement("delayed_invocations", len(r.DelayedInvocations)-1, err)
			}
		case 4:
			r.OutgoingEgresses = append(r.OutgoingEgresses, EgressMessage{})
			if err := d.egress(&f, &r.OutgoingEgresses[len(r.OutgoingEgresses)-1]); err != nil {
				return atElement("outgoing_egresses", len(r.OutgoingEgresses)-1, err)
			}
		}
	}
	return nil
}

func (d *Decoder) mutation(element *field, m *PersistedValueMutation) error {
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
			if err := integer(&f, &m.MutationType); err != nil {
				return at("mutation_type", err)
			}
		case 2:
			if err := d.name(&f, &m.StateName); err != nil {
				return at("state_name", err)
			}
		case 3:
			if err := message(&f, &m.StateValue, d.typedValue); err != nil {
				return at("state_value", err)
			}
		}
	}
	return nil
}

func (d *Decoder) outgoing(element *field, m *OutgoingMessage) error {
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
			if err := message(&f, &m.Target, d.address); err != nil {
				return at("target", err)
			}
		case 2:
			if err := message(&f, &m.Argument, d.typedValue); err != nil {
				return at("argument", err)
			}
		}
	}
	return nil
}

func (d *Decoder) delayed(element *field, m *DelayedInvocation) error {
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
			if err := integer(&f, &m.DelayMillis); err != nil {
				return at("delay_in_ms", err)
			}
		case 2:
			if err := message(&f, &m.Target, d.address); err != nil {
				return at("target", err)
			}
		case 3:
			if err := message(&f, &m.Argument, d.typedValue); err != nil {
				return at("argument", err)
			}
		case 10:
			if err := boolean(&f, &m.IsCancellation); err != nil {
				return at("is_cancellation_request", err)
			}
		case 11:
			if err := text(&f, &m.CancellationToken); err != nil {
				return at("cancellation_token", err)
			}
		}
	}
	return nil
}

func (d *Decoder) egress(element *field, e *EgressMessage) error {
	if err := d.begin(element); err != nil {
		return err
	}
	var f field
	var namespace, name []byte
	for b := element.bytes; len(b) > 0; {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := part(&f, &namespace); err != nil {
				return at("egress_namespace", err)
			}
		case 2:
			if err := part(&f, &name); err != nil {
				return at("egress_type", err)
			}
		case 3:
			if err := message(&f, &e.Argument, d.typedValue); err != nil {
				return at("argument", err)
			}
		}
	}
	if len(namespace)+len(name) > 0 {
		e.Egress = d.join(namespace, name)
	}
	return nil
}

func (d *Decoder) incomplete(b []byte, c *IncompleteInvocationContext) error {
	c.Present = true
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		if b = rest; f.number != 1 {
			continue
		}
		c.MissingValues = append(c.MissingValues, PersistedValueSpec{})
		if err := d.spec(&f, &c.MissingValues[len(c.MissingValues)-1]); err != nil {
			return atElement("missing_values", len(c.MissingValues)-1, err)
		}
	}
	return nil
}

func (d *Decoder) spec(element *field, s *PersistedValueSpec) error {
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
			if err := d.name(&f, &s.StateName); err != nil {
				return at("state_name", err)
			}
		case 2:
			if err := message(&f, &s.ExpirationSpec, expiration); err != nil {
				return at("expiration_spec", err)
			}
		case 3:
			if err := d.typename(&f, &s.TypeTypename); err != nil {
				return at("type_typename", err)
			}
		}
	}
	return nil
}

func expiration(b []byte, s *ExpirationSpec) error {
	s.Present = true
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := integer(&f, &s.Mode); err != nil {
				return at("mode", err)
			}
		case 2:
			if err := integer(&f, &s.ExpireAfterMillis); err != nil {
				return at("expire_after_millis", err)
			}
		}
	}
	return nil
}
