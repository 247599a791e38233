package benchmarks

import (
	"runtime"
	"strings"
	"testing"
)

func TestMachine(t *testing.T) {
	t.Parallel()
	m := Machine()
	if m.Cores < 1 || m.OS != runtime.GOOS || !strings.HasPrefix(m.Go, "go") {
		t.Errorf("got %+v", m)
	}
	if m.OS == "linux" && m.MemoryBytes < 1<<20 {
		t.Errorf("%d bytes of memory", m.MemoryBytes)
	}
}

func TestMachineString(t *testing.T) {
	t.Parallel()
	m := MachineInfo{CPU: "Z80", Cores: 1, MemoryBytes: 3 << 29, OS: "linux", Arch: "amd64", Go: "go1.26"}
	if got, want := m.String(), "Z80, 1 cores, 1.5 GiB memory, linux/amd64, go1.26"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestProcFiles(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 167\nmodel name\t: Xeon: fast\nmodel name\t: other\n": "Xeon: fast",
		"processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 5\n":               "Raspberry Pi 5",
		"": "",
	} {
		if got := cpuModel(strings.NewReader(in)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := totalMemory(strings.NewReader("MemTotal:       24643432 kB\nMemFree: 1 kB\n")); got != 24643432<<10 {
		t.Errorf("got %d", got)
	}
	if got := totalMemory(strings.NewReader("nonsense")); got != 0 {
		t.Errorf("got %d of nonsense", got)
	}
}
