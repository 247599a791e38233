package wal

import (
	"errors"
	"fmt"
)

// ErrDamaged marks every DamageError.
var ErrDamaged = errors.New("wal: log is damaged")

// ErrBeginsLate marks the DamageError of a log that begins behind what its
// caller holds: it has lost its beginning, or the caller some of what it held.
var ErrBeginsLate = errors.New("wal: log begins late")

// DamageError tells what is wrong with a log, and where. The log needs a human:
// batches that were durable are lost or unreadable.
type DamageError struct {
	File   string // path of the file, or of the directory if a file is missing
	Offset int64  // in bytes, where the first unreadable record should be
	Reason string

	late bool
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at offset %d: %s", ErrDamaged, e.File, e.Offset, e.Reason)
}

// Is makes errors.Is hold for ErrDamaged and ErrBeginsLate.
func (e *DamageError) Is(target error) bool {
	return target == ErrDamaged || e.late && target == ErrBeginsLate
}

func damage(file string, offset int64, format string, args ...any) error {
	return &DamageError{File: file, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
