package benchmarks

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// MachineInfo is what Machine found out. What it could not is empty or 0.
type MachineInfo struct {
	CPU string `json:"cpu"`
	// Cores is the number of cores that the process may use at a time.
	Cores       int    `json:"cores"`
	MemoryBytes uint64 `json:"memory_bytes"`
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Go          string `json:"go"`
}

// Machine describes the machine that the process runs on.
func Machine() MachineInfo {
	return MachineInfo{
		CPU:         fromFile("/proc/cpuinfo", cpuModel),
		Cores:       runtime.GOMAXPROCS(0),
		MemoryBytes: fromFile("/proc/meminfo", totalMemory),
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		Go:          runtime.Version(),
	}
}

// String shows the description on one line.
func (m MachineInfo) String() string {
	return fmt.Sprintf("%s, %d cores, %.1f GiB memory, %s/%s, %s",
		cmp.Or(m.CPU, "unknown CPU"), m.Cores, float64(m.MemoryBytes)/(1<<30), m.OS, m.Arch, m.Go)
}

// cpuModel finds the name of the first CPU in Linux's list of them.
func cpuModel(cpuinfo io.Reader) string {
	return firstField(cpuinfo, "model name" /* x86 */, "Model" /* ARM */, "cpu" /* POWER */)
}

// totalMemory finds the size of the memory, in bytes, in Linux's account of it.
func totalMemory(meminfo io.Reader) uint64 {
	kib, err := strconv.ParseUint(strings.TrimSuffix(firstField(meminfo, "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// firstField returns the value of the first line "name: value" with one of the
// names, empty if there is none.
func firstField(r io.Reader, names ...string) string {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		for _, name := range names {
			if strings.TrimSpace(key) == name {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// fromFile applies read to a file, if there is such a file.
func fromFile[T any](path string, read func(io.Reader) T) (out T) {
	f, err := os.Open(path)
	if err != nil {
		return out
	}
	defer func() { _ = f.Close() }()
	return read(f)
}
