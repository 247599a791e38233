// Package httpserver is what the HTTP servers of a node have in common: they
// listen where they are told, let in whom Access lets in, bound what a request
// may take, read bodies, answer errors in one form, and close without leaving
// anything behind. What paths mean is for the connectors.
package httpserver
