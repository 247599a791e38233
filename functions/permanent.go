package functions

import "errors"

// ErrPermanent marks, for errors.Is, a failure that trying again cannot cure.
var ErrPermanent = errors.New("functions: permanent failure")

// Permanent marks err so that the invocation that returns it is not tried
// again: its message is quarantined at once. errors.Is and errors.As still find
// err. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func (e permanentError) Is(target error) bool { return target == ErrPermanent }
