// Package commands is the command line of a program that runs stateful functions:
// every command, its flags, what it prints, and the exit codes.
//
// It does not know what the program's application is: a [Program] brings that
// along. So the same commands are in cmd/statefun and in a user's own binary.
//
// Standard output gets what was asked for, standard error everything else; the
// commands that print take --json. The first Ctrl-C (or SIGTERM) ends a command
// in order, the second at once.
package commands
