package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/examples/fraud/application"
)

// execution is one run of the command in this process.
type execution struct {
	code     exit.Code
	out, err string
	report   report // of the last line, if that is one
}

func execute(ctx context.Context, out io.Writer, args ...string) exit.Code {
	c := &console.Console{In: strings.NewReader(""), Out: out, Err: io.Discard}
	if o, ok := out.(*output); ok {
		c.Err = &o.err
	}
	args = append([]string{"demo"}, args...)
	return commands.Execute(ctx, c, commands.Program{Name: "statefun"}, args, Command())
}

// runDemo runs the demo on a directory, with as many alerts as can be had, until
// it ends by itself.
func runDemo(t *testing.T, dir string, args ...string) execution {
	t.Helper()
	var o output
	code := execute(t.Context(), &o, append([]string{"--data", dir, "--http", "127.0.0.1:0", "--json"}, args...)...)
	return o.execution(t, code)
}

// shortly are the flags of a run that comes to an end.
var shortly = []string{"--duration", "400ms", "--rate", "500"}

// output collects what a run writes. The run may be watched.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  lockedBuffer
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) execution(t *testing.T, code exit.Code) execution {
	t.Helper()
	x := execution{code: code, out: o.String(), err: o.err.text.String()}
	lines := strings.Split(strings.TrimSuffix(x.out, "\n"), "\n")
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "{") {
		d := json.NewDecoder(strings.NewReader(last))
		d.DisallowUnknownFields()
		if err := d.Decode(&x.report); err != nil {
			t.Error(err)
		}
	}
	return x
}

func (x *execution) wantExact(t *testing.T) {
	t.Helper()
	r := x.report
	if x.code != exit.OK || !r.Exact || r.TransactionsAccepted == 0 || r.Verdicts != int64(r.TransactionsAccepted) || r.Duplicates != 0 {
		t.Fatalf("exit code %d\n%s%s", x.code, x.out, x.err)
	}
}

func readNotesOf(t *testing.T, dir string) notes {
	t.Helper()
	n, found, err := readNotes(notesPath(dir))
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	return n
}

func TestRunsAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := runDemo(t, dir, append(shortly, "--accounts", "20", "--seed", "1")...)
	first.wantExact(t)
	if first.report.P50 <= 0 || first.report.P99 < first.report.P50 {
		t.Errorf("got %+v", first.report)
	}
	if !strings.Contains(first.out, "new") || !strings.Contains(first.out, "auditing") {
		t.Errorf("got %s", first.out)
	}
	n := readNotesOf(t, dir)
	if want := (notes{1, 1, 20, first.report.TransactionsAccepted, first.report.TransactionsAccepted}); n != want {
		t.Errorf("noted %+v, want %+v", n, want)
	}

	second := runDemo(t, dir, shortly...) // adopts seed and accounts
	second.wantExact(t)
	if second.report.TransactionsAccepted <= first.report.TransactionsAccepted {
		t.Errorf("%+v is not more than %+v", second.report, first.report)
	}
	if !strings.Contains(second.out, "going on with all state") || !strings.Contains(second.out, "of 20 accounts") {
		t.Errorf("got %s", second.out)
	}
}

// After a kill, what may have been in flight is sent again: what was accepted and
// what was not, even if the run is to end at once.
func TestSendsAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runDemo(t, dir, append(shortly, "--accounts", "20")...)
	n := readNotesOf(t, dir)
	n.Settled -= min(n.Settled, 50) // accepted, but that was not noted
	n.Reserved += 100               // perhaps sent, and not accepted
	if err := n.write(notesPath(dir)); err != nil {
		t.Fatal(err)
	}
	again := runDemo(t, dir, "--duration", "1ns")
	again.wantExact(t)
	if again.report.TransactionsAccepted < n.Reserved {
		t.Errorf("%+v, but %+v were reserved", again.report, n)
	}
	if !strings.Contains(again.out, "are sent again") {
		t.Errorf("got %s", again.out)
	}
}

// The audit finds what was tampered with: one alert made another one's.
func TestAuditFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runUntilAlerts(t, dir, 2)
	path := application.AlertsFile(dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`1-\d+`).FindString(string(text))
	changed := strings.Replace(string(text), `"`+id+`"`, `"`+strings.Repeat("x", len(id))+`"`, 2)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newPatientDemo(t, dir)
	d.patience = patience{stalled: 50 * time.Millisecond, total: time.Minute}
	err = d.run(t.Context())
	if exit.CodeOf(err) != exit.Failed || !strings.Contains(err.Error(), "1 transactions have an alert that is not in the file: "+id) {
		t.Fatalf("got %v", err)
	}
	out := d.out.(*output).String()
	if !strings.Contains(out, "NOT EXACT") || !strings.Contains(out, `"exact":false`) || !strings.Contains(out, "waiting for 1 ") {
		t.Errorf("got %s", out)
	}
}

// runUntilAlerts runs the demo until there are some alerts.
func runUntilAlerts(t *testing.T, dir string, atLeast int) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var o output
	code := make(chan exit.Code)
	go func() {
		code <- execute(ctx, &o, "--data", dir, "--http", "127.0.0.1:0", "--json", "--accounts", "20", "--seed", "1")
	}()
	for {
		text, err := os.ReadFile(application.AlertsFile(dir))
		if err == nil && bytes.Count(text, []byte{'\n'}) >= atLeast {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	interrupt()
	x := o.execution(t, <-code)
	x.wantExact(t)
	if x.report.Alerts < int64(atLeast) {
		t.Errorf("got %+v", x.report)
	}
}

// newPatientDemo makes a demo whose fields can be changed.
func newPatientDemo(t *testing.T, dir string) *demo {
	t.Helper()
	cmd := Command()
	o := &output{}
	cmd.SetOut(o)
	cmd.SetErr(&o.err)
	return newDemo(cmd, options{data: dir, http: "127.0.0.1:0", rate: 100, accounts: 20, seed: 1, duration: 50 * time.Millisecond, json: true})
}

// Ctrl-C ends it in order; while it runs it is a node like any other.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancelCause(t.Context())
	defer interrupt(nil)
	var o output
	code := make(chan exit.Code)
	dir := t.TempDir()
	go func() {
		code <- execute(ctx, &o, "--data", dir, "--http", "127.0.0.1:0", "--json", "--rate", "200")
	}()
	url := regexp.MustCompile(`http://\S+`)
	for !strings.Contains(o.String(), "accepted/s") {
		<-time.After(10 * time.Millisecond)
	}
	sendAsOther(t, url.FindString(o.String()))
	interrupt(errors.New("interrupted"))
	x := o.execution(t, <-code)
	x.wantExact(t)
	for _, want := range []string{"draining", "others", "1 verdicts", "in quarantine", "-1 cents"} {
		if !strings.Contains(x.out, want) {
			t.Errorf("no %q in %s", want, x.out)
		}
	}
}

// sendAsOther sends what does not count: a transaction, the same again, and one
// that is quarantined.
func sendAsOther(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, body := range []string{
		`{"account":"alice","merchant":"globex","amountCents":99900}`,
		`{"account":"alice","merchant":"globex","amountCents":99900}`,
		`{"account":"alice","merchant":"globex","amountCents":-1}`,
	} {
		r, err := client.Post(url+"/fraud/transaction/mine?call", "application/vnd.fraud/Transaction", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	made := t.TempDir()
	runDemo(t, made, append(shortly, "--accounts", "20", "--seed", "7")...)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	damaged := t.TempDir()
	if err := os.WriteFile(notesPath(damaged), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	forgotten := t.TempDir()
	if err := (notes{Seed: 1, Accounts: 1, Settled: 5, Reserved: 9}).write(notesPath(forgotten)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code exit.Code
		want string
	}{
		{[]string{"--rate", "0"}, exit.Usage, "--rate: expected 1 to"},
		{[]string{"--accounts", "-1"}, exit.Usage, "--accounts: expected 1 to"},
		{[]string{"--duration", "-1s"}, exit.Usage, "--duration: expected 0 or more"},
		{[]string{"--http", "off"}, exit.Usage, "--http: expected HOST:PORT"},
		{[]string{"--data", ""}, exit.Usage, "--data: expected a directory"},
		{[]string{"more"}, exit.Usage, "unknown command"},
		{[]string{"--data", made, "--seed", "8"}, exit.Usage, "was made with 7, not 8"},
		{[]string{"--data", made, "--accounts", "8"}, exit.Usage, "was made with 20, not 8"},
		{[]string{"--http", taken.Addr().String()}, exit.Failed, "another address with --http"},
		{[]string{"--data", damaged}, exit.Failed, "demo.json is damaged"},
		{[]string{"--data", forgotten}, exit.Failed, "the node knows nothing of them"},
		{[]string{"--data", file}, exit.Failed, "cannot be made"},
	} {
		args := append([]string{"--data", t.TempDir(), "--http", "127.0.0.1:0"}, append(shortly, c.args...)...)
		var o output
		x := o.execution(t, execute(t.Context(), &o, args...))
		if x.code != c.code || !strings.Contains(x.err, c.want) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s%s", c.args, x.code, c.code, c.want, x.out, x.err)
		}
	}
}
