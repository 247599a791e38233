package benchmarks

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// ResidentBytes is how much memory the process has in use, as the kernel counts
// it; 0 if that is not known.
func ResidentBytes() uint64 { return residentOf("self") }

// ResidentBytesOf is ResidentBytes of another process.
func ResidentBytesOf(pid int) uint64 { return residentOf(strconv.Itoa(pid)) }

func residentOf(process string) uint64 {
	return fromFile("/proc/"+process+"/statm", residentPages) * uint64(os.Getpagesize()) //nolint:gosec // positive
}

// residentPages is the second number of Linux's account of a process.
func residentPages(statm io.Reader) uint64 {
	text, err := io.ReadAll(statm)
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages
}
