package programs

import (
	"encoding/binary"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// A Book holds programs by their numbers, so that messages carry a number only,
// and what is to be remembered of them when the process is gone.
type Book struct {
	programs []*Program
	healed   map[int]bool
	failing  map[string]bool // ids with messages that were set aside
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{healed: map[int]bool{}, failing: map[string]bool{}} }

// add gives a program its number.
func (b *Book) add(p *Program) {
	b.programs = append(b.programs, p)
	p.U = len(b.programs)
}

// Get returns the program with a number.
func (b *Book) Get(u int) *Program { return b.programs[u-1] }

// Heal makes a doomed program one that works.
func (b *Book) Heal(u int) { b.healed[u] = true }

// Healed reports whether a doomed program was healed.
func (b *Book) Healed(u int) bool { return b.healed[u] }

// Encode returns the message that names a program of the book.
func (b *Book) Encode(p *Program) []byte {
	out := make([]byte, 0, 24+p.Pad)
	out = binary.AppendUvarint(out, uint64(p.U))
	out = binary.AppendUvarint(out, uint64(p.N))
	out = binary.AppendVarint(out, p.Due)
	for i := range p.Pad {
		out = append(out, byte(i))
	}
	return out
}

// Decode returns the program that a message names, with the message's own N and
// Due.
func (b *Book) Decode(value []byte) (*Program, error) {
	u, k := binary.Uvarint(value)
	n, l := binary.Uvarint(value[max(k, 0):])
	due, m := binary.Varint(value[max(k, 0)+max(l, 0):])
	if k <= 0 || l <= 0 || m <= 0 || u == 0 || u > uint64(len(b.programs)) {
		return nil, fmt.Errorf("programs: malformed message %x", value)
	}
	p := *b.Get(int(u))
	p.N, p.Due = int(n), due
	pad := value[k+l+m:]
	for i := range pad {
		if pad[i] != byte(i) {
			return nil, fmt.Errorf("programs: the padding of program %d is damaged at byte %d", u, i)
		}
	}
	if len(pad) != p.Pad {
		return nil, fmt.Errorf("programs: program %d has a padding of %d bytes, expected %d", u, len(pad), p.Pad)
	}
	return &p, nil
}

func (b *Book) message() functions.Type[*Program] {
	encode := func(p *Program) ([]byte, error) { return b.Encode(p), nil }
	return functions.NewType(MessageType, encode, b.Decode)
}
