package actors

import (
	"math/rand/v2"
	"testing"
)

// answers is how many requests a model of a server answers in a tick with so many
// under way.
type answers func(limit int) int

// inParallel is a server whose answers take their time, however many are under way, up
// to what cores can do.
func inParallel(perTick float64, most int) answers {
	return func(limit int) int { return min(most, int(perTick*float64(limit))) }
}

// run ticks, with answers that vary by some percent.
func (c *concurrency) run(ticks int, server answers, percent int, rng *rand.Rand) (limits []int) {
	for range ticks {
		n := server(c.limit)
		if percent > 0 {
			n += n * (rng.IntN(2*percent+1) - percent) / 100
		}
		c.tick(n)
		limits = append(limits, c.limit)
	}
	return limits
}

// mean leaves trials out of account as little as a server does.
func mean(limits []int) (sum int) {
	for _, n := range limits {
		sum += n
	}
	return sum / len(limits)
}

// Where cores are short, more requests at a time bring nothing: the limit stays.
func TestConcurrencyStaysWhereCoresAreShort(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		c := newConcurrency(64, 32768)
		limits := c.run(2000, inParallel(1000, 2500), 8, rand.New(rand.NewPCG(seed, 1)))
		if n := mean(limits); n > 70 {
			t.Errorf("seed %d: the limit is %d on average", seed, n)
		}
		for _, slow := range []int{1, 5, 20, 60, 100, 120, 200} { // answers in a tick
			c := newConcurrency(64, 32768)
			limits := c.run(2000, inParallel(1000, slow), 8, rand.New(rand.NewPCG(seed, 4)))
			if n := mean(limits); n > 300 {
				t.Errorf("seed %d, %d answers: the limit is %d on average", seed, slow, n)
			}
		}
	}
}

// A server that waits for something else gets as many as there may be at last, or as
// many as it can make something of.
func TestConcurrencyGrowsWhereItHelps(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server answers
		ticks  int
		least  int
		most   int
	}{
		"none answers in a tick": {func(int) int { return 0 }, 10, 32768, 32768},
		"1 s":                    {inParallel(0.1, 1e6), 10, 32768, 32768},
		"20 ms":                  {inParallel(5, 2500), 50, 400, 1100},
		"4 ms":                   {inParallel(25, 5000), 50, 128, 512},
	} {
		for seed := range uint64(50) {
			c := newConcurrency(64, 32768)
			rng := rand.New(rand.NewPCG(seed, 2))
			c.run(test.ticks, test.server, 5, rng)
			if n := mean(c.run(500, test.server, 5, rng)); n < test.least || n > test.most {
				t.Errorf("%s, seed %d: the limit is %d on average, expected %d to %d", name, seed, n, test.least, test.most)
			}
		}
	}
}

// What has grown comes down again once it does not help any more.
func TestConcurrencyComesDown(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		c := newConcurrency(64, 32768)
		rng := rand.New(rand.NewPCG(seed, 3))
		c.run(20, inParallel(0.1, 1e6), 5, rng)
		if c.limit != 32768 {
			t.Fatalf("seed %d: the limit is %d", seed, c.limit)
		}
		c.run(3000, inParallel(1000, 40_000), 5, rng)
		if n := mean(c.run(1000, inParallel(1000, 40_000), 5, rng)); n > 1024 {
			t.Errorf("seed %d: the limit is still %d on average", seed, n)
		}
	}
}

func TestConcurrencyKeepsItsBounds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	for range 1000 {
		least, most := 1+rng.IntN(100), 1+rng.IntN(1000)
		c := newConcurrency(least, most)
		for range 100 {
			if rng.IntN(10) == 0 {
				c.rest()
			} else {
				c.tick(rng.IntN(2 * most))
			}
			if c.limit < min(least, most) || c.limit > most {
				t.Fatalf("the limit is %d, expected %d to %d", c.limit, min(least, most), most)
			}
		}
	}
}

// A trial does not outlast the work.
func TestConcurrencyRests(t *testing.T) {
	t.Parallel()
	c := newConcurrency(10, 1000)
	for c.settled == 0 {
		c.tick(100)
	}
	if c.limit == 10 {
		t.Fatal("a trial changes nothing")
	}
	if c.rest(); c.limit != 10 {
		t.Errorf("after a trial that was broken off the limit is %d", c.limit)
	}
}
