//go:build !linux

package benchmarks

import "time"

// ProcessTimeOf is not known here.
func ProcessTimeOf(int) time.Duration { return 0 }
