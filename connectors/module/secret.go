package module

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen: however it is printed, logged or
// marshaled, it is "(secret)".
type Secret string

const redacted = "(secret)"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String returns "(secret)".
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
