package bench
import ("testing";"os";"bytes"
"github.com/statefun-go/statefun/cmd/statefun/commands/console")
func TestScratch2(t *testing.T) {
	c := &console.Console{In: &bytes.Buffer{}, Out: os.Stdout, Err: os.Stderr}
	cmd := Command(c, startEngine)
	cmd.SetArgs([]string{"grains","--addresses", "1000", "--data", "/work/main/cmd"})
	if err := cmd.Execute(); err != nil { t.Fatal(err) }
}
