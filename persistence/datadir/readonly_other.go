//go:build !unix

package datadir

import "errors"

var errReadOnly = errors.New("read-only file system")
