package programs

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Generator makes random programs. The same seed makes the same ones.
type Generator struct {
	Rand *rand.Rand
	IDs  int // addresses are id0, id1, …

	// Blocking ids more are b0, b1, …: their functions run off the workers.
	Blocking int
	// Hot percent of the programs run at id0.
	Hot int
	// Book takes the programs, if there is one: then they pause, exit, are
	// doomed and touch all kinds of state, too.
	Book *Book

	token int
}

// ID picks an address.
func (g *Generator) ID() string {
	if g.Hot > 0 && g.Rand.IntN(100) < g.Hot {
		return "id0"
	}
	i := g.Rand.IntN(g.IDs + g.Blocking)
	if i >= g.IDs {
		return fmt.Sprintf("b%d", i-g.IDs)
	}
	return fmt.Sprintf("id%d", i)
}

// All returns the ids.
func (g *Generator) All() []string {
	var out []string
	for i := range g.IDs {
		out = append(out, fmt.Sprintf("id%d", i))
	}
	for i := range g.Blocking {
		out = append(out, fmt.Sprintf("b%d", i))
	}
	return out
}

// Program makes a program that runs at id, with children depth deep.
func (g *Generator) Program(id, from string, depth int) *Program {
	p := &Program{ID: id, From: from, Add: g.Rand.Int64N(1000)}
	p.Append, p.Emit, p.Async = g.Rand.IntN(4) == 0, g.Rand.IntN(3) == 0, g.Rand.IntN(8) == 0
	if g.Rand.IntN(10) == 0 {
		p.Fail = 1 + g.Rand.IntN(3)
	}
	if g.Book != nil {
		g.Book.add(p)
		g.decorate(p)
	}
	if depth == 0 {
		return p
	}
	for range g.Rand.IntN(3) {
		p.Send = append(p.Send, g.Program(g.ID(), id, depth-1))
	}
	if g.Rand.IntN(3) == 0 {
		c := g.Program(g.ID(), id, depth-1)
		c.Doom = g.doom()
		p.After = append(p.After, c)
		p.DelayMS = g.Rand.IntN(200) >> (2 * g.Rand.IntN(4))
	}
	if g.Rand.IntN(6) == 0 {
		p.Never = g.Program(g.ID(), id, 0)
	}
	if g.Rand.IntN(6) == 0 {
		g.token++
		p.Token = fmt.Sprintf("token%d", g.token)
		p.Cancel = g.Program(g.ID(), id, 0)
		revoke := g.Program(id, id, 0)
		revoke.Revoke = p.Token
		p.Send = append(p.Send, revoke)
	}
	return p
}

// Root makes a program for the driver to send in no order, which may be doomed.
func (g *Generator) Root(depth int) *Program {
	p := g.Program(g.ID(), "", depth)
	p.Doom = g.doom()
	return p
}

// doom is for programs in no order: what is set aside lets others overtake.
func (g *Generator) doom() Doom {
	if g.Book == nil || g.Rand.IntN(16) > 0 {
		return NoDoom
	}
	return DoomRetry + Doom(g.Rand.IntN(2))
}

// decorate adds what needs a Book and a Machine.
func (g *Generator) decorate(p *Program) {
	if g.Rand.IntN(4) == 0 {
		p.Touch = 1 + g.Rand.Uint64N(1<<40)
	}
	switch g.Rand.IntN(40) {
	case 0:
		p.Pad = 1 + g.Rand.IntN(6000) // beyond a value that fits into a record, too
	case 1:
		p.PauseMS = 1 + g.Rand.IntN(80) // the watchdog takes the worker away
	case 2:
		p.PauseMS = int(Deadline/time.Millisecond) + g.Rand.IntN(200)
	case 3:
		p.Exit = true
	}
}
