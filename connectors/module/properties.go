package module

// Property is a setting that is handed to a client library as it is.
type Property struct {
	Key   string
	Value Secret
}

// bindProperties reads a list of mappings with one entry each. A key that is there
// twice has its last value.
func bindProperties(v *Value) []Property {
	items, ok := v.List()
	if !ok {
		return nil
	}
	var properties []Property
	at := map[string]int{}
	for _, item := range items {
		o, ok := item.Object()
		if !ok {
			continue
		}
		keys := o.Keys()
		if len(keys) != 1 {
			item.Errorf("expected a mapping with one entry, such as key: value, found %d entries", len(keys))
			continue
		}
		value := o.Get(keys[0])
		if value == nil {
			item.Errorf("expected a value of %s, found nothing", quote(keys[0]))
			continue
		}
		value.Hide()
		text, ok := value.Text()
		if !ok {
			continue
		}
		p := Property{keys[0], Secret(text)}
		if i, again := at[p.Key]; again {
			properties[i] = p
			continue
		}
		at[p.Key] = len(properties)
		properties = append(properties, p)
	}
	return properties
}

// takeProperty removes a property and returns its value.
func takeProperty(ps []Property, key string) (rest []Property, value string, found bool) {
	for i, p := range ps {
		if p.Key == key {
			return append(ps[:i:i], ps[i+1:]...), p.Value.Reveal(), true
		}
	}
	return ps, "", false
}
