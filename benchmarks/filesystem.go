package benchmarks

// UnknownFileSystem is the name of a file system that FileSystem does not know.
const UnknownFileSystem = "unknown"

// InMemory reports whether a file system of this name keeps its files in memory,
// so that nothing on it survives the machine and figures of it say nothing about
// disks.
func InMemory(fileSystem string) bool { return fileSystem == "tmpfs" || fileSystem == "ramfs" }
