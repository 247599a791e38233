package actors

import "sync"

// pool runs invocations off the workers, up to a limit at a time; the others
// wait in the order in which they came.
type pool struct {
	engine  *Engine
	mu      sync.Mutex
	running int
	waiting []*invocation
}

func (p *pool) run(inv *invocation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running >= p.engine.opts.MaxBlocking {
		p.waiting = append(p.waiting, inv)
		return
	}
	p.running++
	p.engine.alone.Add(1)
	p.engine.env.Dispatcher.Go("function", func() { p.work(inv) })
}

// work runs invocations until none waits. A function that ends the goroutine
// (runtime.Goexit) ends this one, too; its place is free all the same.
func (p *pool) work(inv *invocation) {
	defer p.engine.alone.Add(-1)
	for inv != nil {
		done := false
		func() {
			defer func() {
				if !done {
					p.replace()
				}
			}()
			inv.runAlone()
			done = true
		}()
		inv = p.take()
	}
}

func (p *pool) take() *invocation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.running--
		return nil
	}
	inv := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return inv
}

// replace goes on after a goroutine of the pool was ended.
func (p *pool) replace() {
	if inv := p.take(); inv != nil {
		p.engine.alone.Add(1)
		p.engine.env.Dispatcher.Go("function", func() { p.work(inv) })
	}
}
