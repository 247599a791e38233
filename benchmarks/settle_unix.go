//go:build unix

package benchmarks

import "syscall"

// Settle waits until the disk has what the operating system was asked to write, by
// anybody: nobody pays for what the measurement before has left.
func Settle() { syscall.Sync() }
