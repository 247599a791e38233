// Package sdks holds the end-to-end tests with the unmodified official SDKs of
// StateFun, in Go, JavaScript, Python and Java: function servers that are real
// processes, called by the command statefun, which is one too.
//
//	STATEFUN_E2E_SCALE=0.1 go test -tags e2e -v ./cmd/statefun/sdks
//
// Each of the directories golang, javascript, python and java has one server, and
// examples/greeter has another. What they need is installed by the first test that
// wants it, in the pinned versions of the example, below the ignored directory
// .bin/sdks. A language whose tools are missing is skipped, but not in CI.
//
// # The servers
//
//	--namespace python --port 20123 --state sum:int --state lease:int:write:500
//
// A server serves the function program of its namespace on loopback, says "listening"
// on standard output, and ends when its standard input does. States are those of
// program, as NAME:TYPE, with the types int and counts, and :write:MS or :call:MS
// after which they expire.
//
// program interprets messages of type sdks/program, which are JSON:
//
//	{"from": "java/program/id1", "n": 3, "ops": [{"op": "add", "state": "sum", "value": 7}]}
//
// One with a number n must be the n-th from its sender; the counts "got" and "sent"
// have those numbers, by address. The operations, in order:
//
//	add     value to a state; to the state named by else if the server has no such state
//	set     a state to value
//	clear   a state
//	reply   a state to the caller: its number as a string, or "absent"
//	send    program to the address (to, id), numbered
//	after   the same, not numbered, with a delay in ms and perhaps a token
//	cancel  what has that token
//	emit    text to the egress sdks/out, as a string
//	sleep   for delay ms
//	fail    the first times attempts that the process sees of key
package sdks
