// Package http is the node's HTTP door.
package http
