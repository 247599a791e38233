package benchmarks

import "testing"

func TestFileSystem(t *testing.T) {
	t.Parallel()
	if name, err := FileSystem(t.TempDir()); err != nil || name == "" {
		t.Errorf("got %q, %v", name, err)
	}
	for magic, want := range map[uint32]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlay", 1: "unknown"} {
		if got := fileSystemName(magic); got != want {
			t.Errorf("%x: got %q, want %q", magic, got, want)
		}
	}
	if !InMemory("tmpfs") || InMemory("ext4") {
		t.Error("tmpfs is in memory, ext4 is not")
	}
}
