package benchmarks

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestScratch(t *testing.T) {
	if os.Getenv("N") == "" {
		t.Skip()
	}
	ints := func(name string) (out []int) {
		for _, s := range strings.Fields(os.Getenv(name)) {
			n, _ := strconv.Atoi(s)
			out = append(out, n)
		}
		return
	}
	for _, n := range ints("N") {
		for _, d := range ints("D") {
			begin := time.Now()
			rs, err := BareActorsSweep(t.Context(), ActorsConfig{Addresses: n, Drivers: d, Warmup: 700 * time.Millisecond, Duration: 1500 * time.Millisecond}, ints("I")...)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rs {
				fmt.Println(r)
			}
			fmt.Println("took", time.Since(begin).Round(time.Millisecond))
		}
	}
}

func TestScratchDisk(t *testing.T) {
	if os.Getenv("DISK") == "" {
		t.Skip()
	}
	fmt.Println(Machine())
	fmt.Println(FileSystem("/work"))
	r, err := FsyncLatency(t.Context(), "/work/main/benchmarks", 0)
	fmt.Println(r, err)
	for _, w := range []int{1, 2, 4} {
		for _, b := range []int{1, 100, 1000, 10000} {
			r, err := JournalWrites(t.Context(), "/work/main/benchmarks", JournalConfig{Batch: b, Writers: w, Duration: 1500 * time.Millisecond})
			fmt.Println(r, err)
		}
	}
}
