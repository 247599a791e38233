package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// DefaultDirectory is where StateFun's image has the modules of an application.
const DefaultDirectory = "/opt/statefun/modules"

// LocationVariable is the environment variable that says where the module files of an
// application are if nothing else does: what statefun.remote.module-name is for
// StateFun. It has paths as Load takes them, separated by commas.
const LocationVariable = "STATEFUN_MODULE"

// Locations says where module files are that nobody has named.
type Locations struct {
	// LookupEnv gets an environment variable. Defaults to os.LookupEnv.
	LookupEnv func(name string) (value string, set bool)
	// Directory is looked at last. Defaults to DefaultDirectory.
	Directory string
}

// Named are the paths that LocationVariable has.
func (l Locations) Named() []string {
	if l.LookupEnv == nil {
		l.LookupEnv = os.LookupEnv
	}
	value, _ := l.LookupEnv(LocationVariable)
	var paths []string
	for p := range strings.SplitSeq(value, ",") {
		if p = strings.TrimSpace(p); p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// Find returns the paths that LocationVariable has, or else the directory. The error
// says where it has looked.
func (l Locations) Find() ([]string, error) {
	if named := l.Named(); len(named) > 0 {
		return named, nil
	}
	if l.Directory == "" {
		l.Directory = DefaultDirectory
	}
	if _, err := os.Stat(l.Directory); err != nil {
		found := "there is no " + l.Directory
		if !errors.Is(err, fs.ErrNotExist) {
			found = fmt.Sprintf("%s cannot be read: %v", l.Directory, reason(err))
		}
		return nil, fmt.Errorf("no module files: expected -f with a file or directory, or the environment variable %s with one; neither is set, and %s", LocationVariable, found)
	}
	return []string{l.Directory}, nil
}
