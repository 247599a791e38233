package benchmarks

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ: the same on every machine, whatever its kernel
// counts in.
const ticksPerSecond = 100

// ProcessTimeOf is the time that the cores have spent on another process, in steps of
// 10 ms, without its children; 0 if that is not known.
func ProcessTimeOf(pid int) time.Duration {
	return time.Duration(fromFile(fmt.Sprintf("/proc/%d/stat", pid), processTicks)) * (time.Second / ticksPerSecond) //nolint:gosec // years fit
}

// processTicks adds up the fields utime and stime. The name of the program, the second
// field, may have spaces and brackets in it.
func processTicks(stat io.Reader) uint64 {
	text, err := io.ReadAll(stat)
	end := bytes.LastIndexByte(text, ')')
	if err != nil || end < 0 {
		return 0
	}
	const utime, stime = 14 - 3, 15 - 3 // what follows the name is field 3
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= stime {
		return 0
	}
	user, err := strconv.ParseUint(fields[utime], 10, 64)
	if err != nil {
		return 0
	}
	system, err := strconv.ParseUint(fields[stime], 10, 64)
	if err != nil {
		return 0
	}
	return user + system
}
