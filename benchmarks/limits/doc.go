// Package limits holds the tests of what one node bears: backlogs, timers,
// quarantined messages, long lists and many addresses in bounded memory, and how
// soon it works again after kill -9. Each runs the node in a process of its own
// and looks at the whole process.
//
//	STATEFUN_E2E_SCALE=10 CGO_ENABLED=0 go test -tags e2e -v ./benchmarks/limits
//
// runs everything in full size, as the released binary is built; 1 is what CI runs.
package limits
