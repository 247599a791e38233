// Package openfiles keeps connections from using up the files that the process may have
// open. The journal opens files at any time, and stops the node if it cannot; a
// connection can wait.
//
// Places are counted for the whole process, since its limit is: half of those for
// connections are for what comes in, half for what goes out, so that a node whose
// function servers are slow can still be asked how it is.
//
// It counts what asks for a place, and knows of no other files.
package openfiles
