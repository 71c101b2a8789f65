package session

import (
	"context"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// A job is work that is done once for all who wait for it: renewing, signing
// in, unlocking. It has a context of its own, so that no caller that hangs up
// cancels it for the others.
type job struct {
	done chan struct{} // closed when err is set
	err  error
	// asking is closed at the first question: from then on the job needs a
	// person, and callers without one needn't wait.
	asking chan struct{}
	// person says that a person has asked for this very work, canAsk that
	// somebody who can be asked was there when it began.
	person, canAsk bool

	mu     sync.Mutex
	people []*person // who can be asked, in the order in which they came
	asked  bool
}

// A person is a waiting caller who can be asked.
type person struct {
	ctx      context.Context // ends when the caller hangs up
	prompter agent.Prompter
}

func newJob() *job {
	return &job{done: make(chan struct{}), asking: make(chan struct{})}
}

// isAsking reports whether the job has come to wait for a person.
func (j *job) isAsking() bool {
	select {
	case <-j.asking:
		return true
	default:
		return false
	}
}

// finish ends the job; err is what all who wait get.
func (j *job) finish(err error) {
	j.err = err
	close(j.done)
}

// join adds a caller to those who can be asked; the result takes them off
// again. A caller without a prompter can't be asked.
func (j *job) join(ctx context.Context, prompter agent.Prompter) (leave func()) {
	if prompter == nil {
		return func() {}
	}
	p := &person{ctx, prompter}
	j.mu.Lock()
	j.people = append(j.people, p)
	j.mu.Unlock()
	return func() { j.remove(p) }
}

func (j *job) remove(p *person) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.people {
		if j.people[i] == p {
			j.people = append(j.people[:i:i], j.people[i+1:]...)
			return
		}
	}
}

// wait waits for the job. A caller who can't be asked gets errSomebodyElse as
// soon as the job waits for a person: that may take minutes.
func (j *job) wait(ctx context.Context, prompter agent.Prompter) error {
	asking := j.asking
	if prompter != nil {
		asking = nil // never ready
	}
	select {
	case <-j.done:
		return j.err
	case <-asking:
		return errSomebodyElse
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errSomebodyElse means that a job waits for a person who is another caller's.
var errSomebodyElse = agent.Errorf(agent.KindLoginRequired, "sign-in needed: somebody is being asked for it at this moment")

// tellWhoWaits tells a person who waits that the job asks another one, and for what.
func (j *job) tellWhoWaits(ctx context.Context, c agent.Caller, what, profile string) {
	if c.Prompter == nil || !j.isAsking() {
		return
	}
	text := "Somebody is being asked for " + what + " already, in another terminal perhaps. Waiting for that…"
	_, _ = c.Prompter.Ask(ctx, agent.Prompt{Kind: agent.PromptNotice, Text: text, Profile: profile})
}

// Ask makes a job the prompter of its own work. It asks one person at a time;
// if that one hangs up, the question goes to the next.
func (j *job) Ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	for {
		p := j.next()
		if p == nil {
			return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "whoever was asked has hung up")
		}
		answer, err := p.ask(ctx, q)
		if err == nil && q.Kind == agent.PromptBrowser && answer.Empty() {
			err = p.waitForBrowser(ctx)
		}
		if err == nil || ctx.Err() != nil || p.ctx.Err() == nil {
			return answer, err
		}
		j.remove(p)
	}
}

// next is the person to ask: who has waited longest and hasn't hung up.
func (j *job) next() *person {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.asked {
		j.asked = true
		close(j.asking)
	}
	for _, p := range j.people {
		if p.ctx.Err() == nil {
			return p
		}
	}
	return nil
}

// waitForBrowser waits with a person who has nothing to paste: when they have
// hung up, nobody is left who would look at the browser.
func (p *person) waitForBrowser(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// promptGrace is for a prompter to end by itself after agent.PromptTimeout.
const promptGrace = 5 * time.Second

// ask puts the question and waits no longer than either side does.
func (p *person) ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, agent.PromptTimeout+promptGrace)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	return p.prompter.Ask(ctx, q)
}
