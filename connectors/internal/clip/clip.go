// Package clip keeps texts from outside short, where errors and answers repeat them.
package clip

import "unicode/utf8"

// To returns at most so many bytes of a text, and … if there is more. It cuts no
// character of UTF-8 in two.
func To(bytes int, s string) string {
	if len(s) <= bytes {
		return s
	}
	for bytes > 0 && !utf8.RuneStart(s[bytes]) {
		bytes--
	}
	return s[:bytes] + "…"
}
