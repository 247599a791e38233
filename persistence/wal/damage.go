package wal

import (
	"errors"
	"fmt"
)

// ErrDamaged marks every DamageError.
var ErrDamaged = errors.New("wal: log is damaged")

// DamageError tells what is wrong with a log, and where. The log needs a human:
// batches that were durable are lost or unreadable.
type DamageError struct {
	File   string // path of the file, or of the directory if a file is missing
	Offset int64  // in bytes, where the first unreadable record should be
	Reason string
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at offset %d: %s", ErrDamaged, e.File, e.Offset, e.Reason)
}

// Unwrap makes errors.Is(err, ErrDamaged) hold.
func (e *DamageError) Unwrap() error { return ErrDamaged }

func damage(file string, offset int64, format string, args ...any) error {
	return &DamageError{File: file, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
