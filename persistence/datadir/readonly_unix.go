//go:build unix

package datadir

import "syscall"

const errReadOnly = syscall.EROFS
