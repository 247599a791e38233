// Package officialserver serves the function that `bench remote` measures with
// StateFun's official SDK for Go, unmodified.
//
// It is a command of the program statefun, and of no user's program: the SDK registers
// StateFun's protobuf messages, which a program that has generated code of its own for
// them could not hold twice.
package officialserver
