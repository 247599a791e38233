package module

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	moduleFile = "module.yaml"
	maxFiles   = 1000
)

// findFiles lists what to read, each file once.
func (l *loader) findFiles(paths []string) {
	l.report.files = slices.Clone(paths)
	seen := map[string]bool{}
	for _, p := range paths {
		path, err := localPath(p)
		if err != nil {
			l.fileError(p, "%s", err)
			continue
		}
		for _, f := range l.filesOf(path) {
			id := identity(f)
			if seen[id] {
				continue
			}
			seen[id] = true
			if len(seen) > maxFiles {
				l.fileError(p, "expected at most %d files, found more", maxFiles)
				return
			}
			l.module.Files = append(l.module.Files, f)
			l.report.files = append(l.report.files, f)
		}
	}
}

// identity is the same for all paths of a file.
func identity(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// localPath takes a file: URL apart.
func localPath(p string) (string, error) {
	rest, ok := strings.CutPrefix(p, "file:")
	if !ok {
		if p == "" || strings.Contains(p, "://") || strings.HasPrefix(p, "classpath:") {
			return "", errors.New("expected the path of a file or directory, or a file:// URL")
		}
		return p, nil
	}
	if !strings.HasPrefix(rest, "//") {
		return rest, nil
	}
	u, err := url.Parse(p)
	if err != nil || u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return "", errors.New("expected a URL such as file:///path/module.yaml")
	}
	return filepath.FromSlash(u.Path), nil
}

// filesOf returns a file itself, and the module files of a directory. Hidden
// directories are passed over: a mounted config map has its data in one.
func (l *loader) filesOf(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		l.fileError(path, "The requested resource does not exist. Expected a file or directory, found %s", reason(err))
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		l.fileError(path, "expected a directory that can be read: %s", reason(err))
		return nil
	}
	candidates := []string{filepath.Join(path, moduleFile)}
	for _, e := range entries { // sorted
		if !strings.HasPrefix(e.Name(), ".") {
			candidates = append(candidates, filepath.Join(path, e.Name(), moduleFile))
		}
	}
	var files []string
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && !info.IsDir() {
			files = append(files, c)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDirectory(path, c) {
			l.fileError(c, "expected a file that can be read: %s", reason(err))
		}
	}
	if len(files) == 0 {
		l.fileError(path, "expected %s in this directory or in one right below it, found none", moduleFile)
	}
	return files
}

// isNotDirectory reports whether what the candidate would be in is a file.
func isNotDirectory(root, candidate string) bool {
	dir := filepath.Dir(candidate)
	info, err := os.Stat(dir)
	return dir != root && err == nil && !info.IsDir()
}
