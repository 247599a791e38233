package generator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/examples/fraud/generator"
)

func newGenerator(t *testing.T, cfg generator.Config) *generator.Generator {
	t.Helper()
	g, err := generator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The sequence of a seed is the same for ever: what was sent before an update is
// sent again after it.
func ExampleGenerator_At() {
	g, _ := generator.New(generator.Config{Seed: 1, Accounts: 1000})
	for position := range uint64(3) {
		e := g.At(position)
		fmt.Println(e.ID, e.Transaction, e.Confirmed)
	}
	// Output:
	// 1-0 {account-693 merchant-58 27120} false
	// 1-1 {account-423 merchant-96 3557} false
	// 1-2 {account-113 merchant-35 30846} false
}

func TestPositionsAreIndependent(t *testing.T) {
	t.Parallel()
	cfg := generator.Config{Seed: 42, Accounts: 100}
	up, down := newGenerator(t, cfg), newGenerator(t, cfg)
	var events []generator.Event
	for p := range uint64(1000) {
		events = append(events, up.At(p))
	}
	for p := range uint64(1000) {
		if got, want := down.At(999-p), events[999-p]; got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, seed := range []uint64{0, 1, 0x1a, 1 << 63} {
		g := newGenerator(t, generator.Config{Seed: seed})
		for p := range uint64(2000) {
			id := g.At(p).ID
			if seen[id] {
				t.Fatalf("%s twice", id)
			}
			seen[id] = true
		}
	}
}

// There are as many accounts as configured, few merchants have many customers, and
// frauds happen, at a small number of accounts.
func TestDistribution(t *testing.T) {
	t.Parallel()
	const n, accounts, merchants = 100_000, 1000, 100
	g := newGenerator(t, generator.Config{Seed: 5, Accounts: accounts, Merchants: merchants})
	perAccount, perMerchant, confirmed := map[string]int{}, map[string]int{}, map[string]int{}
	confirmations := 0
	for p := range uint64(n) {
		e := g.At(p)
		perAccount[e.Transaction.Account]++
		perMerchant[e.Transaction.Merchant]++
		if e.Confirmed {
			confirmations++
			confirmed[e.Transaction.Account]++
		}
		if e.Transaction.AmountCents < 100 || e.Transaction.AmountCents > 1_000_000 {
			t.Fatalf("%+v", e)
		}
	}
	if len(perAccount) != accounts || len(perMerchant) != merchants {
		t.Errorf("%d accounts, %d merchants", len(perAccount), len(perMerchant))
	}
	if top := perMerchant["merchant-0"]; top < n/20 || top > n/5 {
		t.Errorf("the most popular merchant has %d customers of %d", top, n)
	}
	if confirmations < n/500 || confirmations > n/50 {
		t.Errorf("%d confirmations of %d", confirmations, n)
	}
	often := 0
	for _, c := range confirmed {
		if c > 10 {
			often++
		}
	}
	if often < accounts/100 || often > accounts/30 {
		t.Errorf("%d accounts of %d have many confirmations, expected about 20", often, accounts)
	}
}

func TestPositionOf(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, generator.Config{Seed: 0x1a})
	for _, p := range []uint64{0, 7, 1 << 63} {
		if got, ok := g.PositionOf(g.At(p).ID); !ok || got != p {
			t.Errorf("%d: got %d, %t", p, got, ok)
		}
	}
	for _, id := range []string{"", "1a", "1a-", "-7", "1a-07", "1a-+7", "1a--7", "1a-7-7", "1A-7", "1b-7", "01a-7", "1a-18446744073709551616", "tx-1"} {
		if p, ok := g.PositionOf(id); ok {
			t.Errorf("%q is said to be at %d", id, p)
		}
	}
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	e := newGenerator(t, generator.Config{}).At(7)
	if got := e.Confirmation().Transaction; got != e.ID || e.ID != "0-7" || e.Position != 7 {
		t.Errorf("got %q of %+v", got, e)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]generator.Config{"Accounts": {Accounts: -1}, "Merchants": {Merchants: -1}} {
		if _, err := generator.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
	g := newGenerator(t, generator.Config{Accounts: 1, Merchants: 1})
	if tx := g.At(3).Transaction; tx.Account != "account-0" || tx.Merchant != "merchant-0" {
		t.Errorf("got %+v", tx)
	}
}

func BenchmarkAt(b *testing.B) {
	g, err := generator.New(generator.Config{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for p := uint64(0); b.Loop(); p++ {
		_ = g.At(p)
	}
}
