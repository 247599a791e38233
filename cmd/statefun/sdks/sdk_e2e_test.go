//go:build e2e

package sdks

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// sdk is one of StateFun's SDKs. Its name is the namespace of its functions.
type sdk struct {
	name string
	// tools are the commands that it takes.
	tools []string
	// pinned are the files, below the directory of its name, that decide what is
	// installed: patterns.
	pinned []string
	// install puts into a directory what a server needs.
	install func(dir string) *exec.Cmd
	// serve is the server, without options.
	serve func(dir string) *exec.Cmd

	once sync.Once
	dir  string
	err  error
}

var golang = &sdk{
	name: "golang", tools: []string{"go"}, pinned: []string{"*.go", "../../../../go.mod"},
	install: func(dir string) *exec.Cmd {
		return exec.Command("go", "build", "-o", filepath.Join(dir, "server"), "./golang")
	},
	serve: func(dir string) *exec.Cmd { return exec.Command(filepath.Join(dir, "server")) },
}

var javascript = &sdk{
	name: "javascript", tools: []string{"node", "npm"}, pinned: []string{"package*.json"},
	install: func(dir string) *exec.Cmd {
		return exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", dir)
	},
	serve: func(dir string) *exec.Cmd {
		cmd := exec.Command("node", "javascript/server.js")
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
		return cmd
	},
}

var python = &sdk{
	name: "python", tools: []string{"python3"}, pinned: []string{"requirements.txt"},
	install: func(dir string) *exec.Cmd {
		return exec.Command("python3", "-m", "pip", "install", "--quiet", "--no-deps", "--no-warn-conflicts",
			"--target", dir, "--requirement", "python/requirements.txt")
	},
	serve: func(dir string) *exec.Cmd {
		cmd := exec.Command("python3", "python/server.py")
		cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
		return cmd
	},
}

var java = &sdk{
	name: "java", tools: []string{"java", "javac", "mvn"}, pinned: []string{"pom.xml", "src/main/java/sdks/*.java"},
	install: func(dir string) *exec.Cmd {
		return exec.Command("mvn", "--quiet", "--batch-mode", "--file", "java/pom.xml", "-Doutput="+dir, "compile")
	},
	serve: func(dir string) *exec.Cmd {
		path := filepath.Join(dir, "classes") + string(filepath.ListSeparator) + filepath.Join(dir, "dependency", "*")
		return exec.Command("java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", path, "sdks.Server")
	},
}

var all = []*sdk{golang, javascript, python, java}

// forEach runs a test with each SDK.
func forEach(t *testing.T, test func(*testing.T, *sdk)) {
	t.Helper()
	t.Parallel()
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// function is the name of a function of the SDK.
func (s *sdk) function(name string) string { return s.name + "/" + name }
