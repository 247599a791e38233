//go:build !linux

package benchmarks

// ResidentBytes is not known here.
func ResidentBytes() uint64 { return 0 }

// ResidentBytesOf is not known here.
func ResidentBytesOf(int) uint64 { return 0 }
