package generator

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/examples/fraud/detection"
)

// Config says what transactions there are.
type Config struct {
	// Seed decides everything. Two sequences of different seeds have no
	// transaction in common.
	Seed uint64
	// Accounts is the number of accounts. Defaults to 10,000.
	Accounts int
	// Merchants is the number of merchants. A few of them have most of the
	// customers. Defaults to 500.
	Merchants int
}

// Generator makes transactions. It is immutable, and safe for concurrent use.
type Generator struct {
	cfg Config
}

// Event is what happens at one position.
type Event struct {
	Position uint64
	// ID is the transaction's, unique among all seeds and positions.
	ID          string
	Transaction detection.Transaction
	// Confirmed says that the holder of the account complains: a confirmation
	// follows that the transaction was a fraud.
	Confirmed bool
}

// New makes a generator.
func New(cfg Config) (*Generator, error) {
	cfg.Accounts = cmp.Or(cfg.Accounts, 10_000)
	cfg.Merchants = cmp.Or(cfg.Merchants, 500)
	if cfg.Accounts < 0 {
		return nil, fmt.Errorf("generator: Accounts: %d is negative", cfg.Accounts)
	}
	if cfg.Merchants < 0 {
		return nil, fmt.Errorf("generator: Merchants: %d is negative", cfg.Merchants)
	}
	return &Generator{cfg}, nil
}

// Shares of accounts and transactions.
const (
	stolenCards     = 0.02  // accounts whose card is in the wrong hands
	stolenConfirmed = 0.20  // of the transactions of such an account
	othersConfirmed = 0.001 // of all other transactions
)

// At returns what happens at a position.
func (g *Generator) At(position uint64) Event {
	account := g.pick(position, drawAccount, g.cfg.Accounts)
	stolen := uniform(g.cfg.Seed, drawStolen, uint64(account)) < stolenCards
	popularity := uniform(g.cfg.Seed, drawMerchant, position)
	return Event{
		Position: position,
		ID:       g.id(position),
		Transaction: detection.Transaction{
			Account:     fmt.Sprintf("account-%d", account),
			Merchant:    fmt.Sprintf("merchant-%d", int(popularity*popularity*float64(g.cfg.Merchants))),
			AmountCents: g.amount(position, stolen),
		},
		Confirmed: uniform(g.cfg.Seed, drawConfirmed, position) < confirmedShare(stolen),
	}
}

func (g *Generator) id(position uint64) string {
	return strconv.FormatUint(g.cfg.Seed, 16) + "-" + strconv.FormatUint(position, 10)
}

// PositionOf returns the position of the transaction with an id. It reports false
// for an id that this generator does not make.
func (g *Generator) PositionOf(id string) (position uint64, ok bool) {
	seed, digits, _ := strings.Cut(id, "-")
	position, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || seed != strconv.FormatUint(g.cfg.Seed, 16) || digits != strconv.FormatUint(position, 10) {
		return 0, false
	}
	return position, true
}

// Confirmation is what the holder of the account complains with, if it is
// Confirmed. It goes to the account's count.
func (e Event) Confirmation() detection.Confirmation {
	return detection.Confirmation{Transaction: e.ID}
}

// amount is between 1 and 1,000 units of money, small ones being more frequent.
// Thieves take ten times as much.
func (g *Generator) amount(position uint64, stolen bool) int64 {
	u := uniform(g.cfg.Seed, drawAmount, position)
	cents := 100 * math.Pow(1000, u*u)
	if stolen {
		cents *= 10
	}
	return int64(cents)
}

func (g *Generator) pick(position uint64, d draw, n int) int {
	return int(uniform(g.cfg.Seed, d, position) * float64(n))
}

func confirmedShare(stolen bool) float64 {
	if stolen {
		return stolenConfirmed
	}
	return othersConfirmed
}

// draw tells apart the random numbers of one position.
type draw uint64

const (
	drawAccount draw = iota
	drawMerchant
	drawAmount
	drawConfirmed
	drawStolen
)

// uniform is a number in [0, 1) that looks random but depends on its arguments
// alone.
func uniform(seed uint64, d draw, n uint64) float64 {
	return float64(mix(mix(mix(seed)^uint64(d))^n)>>11) / (1 << 53)
}

// mix is a permutation of 64 bits after which similar numbers are no longer
// similar (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
