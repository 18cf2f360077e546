package models

import (
	"fmt"
	"io"
)

// MerchantID names the tenant. It has a type of its own so that no other id can be passed in its place.
type MerchantID string

// ID names a row of a merchant: a UUIDv7 in its text form, made by the program.
type ID string

// Secret is text that must never be shown: a token, a key, a password. Every way of printing it gives three stars.
type Secret string

// Reveal returns the text itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString keeps %#v from printing the text.
func (s Secret) GoString() string { return s.String() }

// Format keeps every other verb from printing the text, wrong ones included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps JSON, logs and YAML from printing the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
