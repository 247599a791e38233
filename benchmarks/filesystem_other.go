//go:build !linux

package benchmarks

import (
	"fmt"
	"os"
)

// FileSystem is UnknownFileSystem here, and an error if path does not exist.
func FileSystem(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("benchmarks: file system: %w", err)
	}
	return UnknownFileSystem, nil
}
