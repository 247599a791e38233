//go:build !unix

package benchmarks

// Settle does nothing here.
func Settle() {}
