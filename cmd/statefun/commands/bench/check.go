package bench

import "fmt"

// inRange is an error that names a setting unless its value is within bounds.
func inRange[N int | ~int64](name string, value, least, most N) error {
	if value < least || value > most {
		return fmt.Errorf("%s: expected %v to %v, found %v", name, least, most, value)
	}
	return nil
}
