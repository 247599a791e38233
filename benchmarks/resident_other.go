//go:build !linux

package benchmarks

// ResidentBytes is not known here.
func ResidentBytes() uint64 { return 0 }
