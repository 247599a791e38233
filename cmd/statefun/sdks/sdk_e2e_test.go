//go:build e2e

package sdks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sdk is one of StateFun's SDKs. Its name is the namespace of its functions.
type sdk struct {
	name string
	// tools are the commands that it takes.
	tools []string
	// pinned are the files that decide what is installed: patterns.
	pinned []string
	// install are commands that put into a directory what the servers need.
	install func(dir string) [][]string
	// serve is the server of this package, without options, and greeter that of
	// examples/greeter.
	serve, greeter func(dir string) *exec.Cmd

	once sync.Once
	dir  string
	err  error
}

// The example in Go is not with the SDK; golang/greeter is.
var golang = &sdk{
	name: "golang", tools: []string{"go"}, pinned: []string{"golang/*.go", "golang/greeter/*.go", "../../../go.mod"},
	install: func(dir string) [][]string {
		return [][]string{{"go", "build", "-o", dir, "./golang", "./golang/greeter"}}
	},
	serve:   func(dir string) *exec.Cmd { return exec.Command(filepath.Join(dir, "golang")) },
	greeter: func(dir string) *exec.Cmd { return exec.Command(filepath.Join(dir, "greeter")) },
}

var javascript = &sdk{
	name: "javascript", tools: []string{"node", "npm"}, pinned: []string{example + "/javascript/package*.json"},
	install: func(dir string) [][]string {
		from := example + "/javascript/"
		return [][]string{
			{"cp", from + "package.json", from + "package-lock.json", dir},
			{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", dir},
		}
	},
	serve:   func(dir string) *exec.Cmd { return runNode(dir, "javascript/server.js") },
	greeter: func(dir string) *exec.Cmd { return runNode(dir, example+"/javascript/greeter.js") },
}

func runNode(dir, file string) *exec.Cmd {
	cmd := exec.Command("node", file)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	return cmd
}

var python = &sdk{
	name: "python", tools: []string{"python3"}, pinned: []string{"python/requirements.txt", example + "/python/requirements.txt"},
	install: func(dir string) [][]string {
		return [][]string{{
			"python3", "-m", "pip", "install", "--quiet", "--no-deps", "--no-warn-conflicts",
			"--target", dir, "--requirement", "python/requirements.txt",
		}}
	},
	serve:   func(dir string) *exec.Cmd { return runPython(dir, "python/server.py") },
	greeter: func(dir string) *exec.Cmd { return runPython(dir, example+"/python/greeter.py") },
}

func runPython(dir, file string) *exec.Cmd {
	cmd := exec.Command("python3", file)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	return cmd
}

// javaFiles are the sources of both servers.
var javaFiles = []string{"java/sdks/*.java", example + "/java/src/main/java/example/*.java"}

var java = &sdk{
	name: "java", tools: []string{"java", "javac", "mvn", "sh"}, pinned: append([]string{example + "/java/pom.xml"}, javaFiles...),
	install: func(dir string) [][]string {
		libraries := filepath.Join(dir, "dependency")
		return [][]string{
			{
				"mvn", "--quiet", "--batch-mode", "--file", example + "/java/pom.xml", "-DincludeScope=runtime",
				"-DoutputDirectory=" + libraries, "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
			},
			{"sh", "-c", "javac --release 17 -cp '" + libraries + "/*' -d '" + dir + "/classes' " + strings.Join(javaFiles, " ")},
		}
	},
	serve:   func(dir string) *exec.Cmd { return runJava(dir, "sdks.Server") },
	greeter: func(dir string) *exec.Cmd { return runJava(dir, "example.Main") },
}

func runJava(dir, class string) *exec.Cmd {
	path := filepath.Join(dir, "classes") + string(filepath.ListSeparator) + filepath.Join(dir, "dependency", "*")
	return exec.Command("java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", path, class)
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
