package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// An interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return i.signal.String() }

// withSignals returns a context that ends at the first signal that asks the
// program to end, so that it can restore the terminal and exit as shells
// expect of a signal: 128 and its number. A second signal ends it at once.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endingSignals()...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			cancel(interruption{s})
		case <-ctx.Done():
		}
		signal.Stop(signals)
	}()
	return ctx, func() { cancel(context.Canceled); <-done }
}

// signalOf returns the number of the signal that ended ctx.
func signalOf(ctx context.Context) (int, bool) {
	i, ok := context.Cause(ctx).(interruption)
	if !ok {
		return 0, false
	}
	number, ok := i.signal.(syscall.Signal)
	return int(number), ok
}
