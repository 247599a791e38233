package benchmarks

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// Memory is of the process, so nothing runs beside this test.
func TestResidentBytes(t *testing.T) {
	debug.FreeOSMemory()
	before := ResidentBytes()
	block := make([]byte, 128<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	if grown := int64(ResidentBytes()) - int64(before); before < 1<<20 || grown < 100<<20 {
		t.Errorf("%d bytes, and %d more with 128 MiB in use", before, grown)
	}
	runtime.KeepAlive(block)
}

func TestResidentPages(t *testing.T) {
	t.Parallel()
	for statm, want := range map[string]uint64{"2000 123 45 6 0 7 0\n": 123, "": 0, "1": 0, "1 x": 0} {
		if got := residentPages(strings.NewReader(statm)); got != want {
			t.Errorf("%q: got %d, want %d", statm, got, want)
		}
	}
}
