//go:build !unix

package benchmarks

import "time"

// ProcessTime is not known here.
func ProcessTime() time.Duration { return 0 }
