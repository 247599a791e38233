package benchmarks

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FileSystem names the file system that the existing file or directory path is
// on: "ext4" (which ext2 and ext3 cannot be told from), "xfs", "btrfs", "tmpfs",
// "overlay" and so on, or UnknownFileSystem.
func FileSystem(path string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", fmt.Errorf("benchmarks: file system of %s: %w", path, err)
	}
	return fileSystemName(uint32(fs.Type)), nil //nolint:gosec // magic numbers have 32 bits, signed on some machines
}

// fileSystemName is the name that belongs to a magic number of statfs(2).
func fileSystemName(magic uint32) string {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs"
	case 0x2fc12fc1:
		return "zfs"
	case 0xca451a4e:
		return "bcachefs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "cifs"
	case unix.V9FS_MAGIC:
		return "9p"
	}
	return UnknownFileSystem
}
