package agent

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const watchProd = `{"jsonrpc":"2.0","id":1,"method":"watch","params":{"profile":"prod"}}`

// An endless agent tells a watcher of one event, and then waits.
type endless struct {
	scripted
	event Event
	ended chan error
}

func (e *endless) Watch(ctx context.Context, c Caller, _ WatchRequest) (None, error) {
	err := c.Notify(e.event)
	if err == nil {
		<-ctx.Done()
		err = ctx.Err()
	}
	e.ended <- err
	return None{}, err
}

func newEndless() *endless {
	return &endless{event: Event{Profile: "prod", Event: EventState, State: StateSignedIn}, ended: make(chan error, 1)}
}

func (e *endless) waitForEnd(t *testing.T) {
	t.Helper()
	select {
	case <-e.ended:
	case <-time.After(time.Second):
		t.Fatal("the watch goes on")
	}
}

// Hanging up ends a watch; in either framing.
func TestWatchEndsWithConnection(t *testing.T) {
	for _, frame := range []string{watchProd + "\n", "Content-Length: 69\r\n\r\n" + watchProd} {
		a := newEndless()
		nc, ended := on(t.Context(), &Server{Agent: a})
		c := newLineClient(t, nc)
		go func() { _, _ = nc.Write([]byte(frame)) }()
		if frame[0] == 'C' {
			if got := c.receive(); !strings.HasPrefix(got, "Content-Length: ") {
				t.Fatal(got)
			}
			c.receive()
			nc.Close()
		} else {
			const want = `{"jsonrpc":"2.0","method":"event","params":{"profile":"prod","event":"state","state":"signed-in"}}`
			if got := c.receive(); got != want {
				t.Errorf("came %s", got)
			}
			c.send(`{"jsonrpc":"2.0","id":2,"method":"status"}`)
			if got := c.receive(); !strings.Contains(got, `"id":2,"error":{"code":6`) || !strings.Contains(got, "busy") {
				t.Errorf("a call while it watches: %s", got)
			}
			nc.Close()
		}
		a.waitForEnd(t)
		<-ended
	}
}

// After a watch that failed the connection is as any.
func TestCallAfterWatch(t *testing.T) {
	client := dial(t, serve(t, &Server{Agent: &exemplary{}}))
	_, err := client.Watch(t.Context(), Caller{}, WatchRequest{Profile: "prd"})
	if KindOf(err) != KindUnknownProfile {
		t.Error(err)
	}
	if _, err := client.Status(t.Context(), Caller{}, StatusRequest{}); err != nil {
		t.Error(err)
	}
}

// A client gets the events in order, and what its Notify says ends it.
func TestClientWatches(t *testing.T) {
	client := dial(t, serve(t, &Server{Agent: &exemplary{}}))
	enough := errors.New("enough")
	var got []string
	_, err := client.Watch(t.Context(), Caller{Notify: func(e Event) error {
		if got = append(got, e.Event); e.Event == EventLoginNeeded {
			return enough
		}
		return nil
	}}, WatchRequest{Profile: "prod"})
	if err != enough || strings.Join(got, " ") != "state renewed error login-needed" {
		t.Errorf("%v, %v", got, err)
	}
}

// An agent that is to stop doesn't wait for those who watch.
func TestStopEndsWatches(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	l, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- (&Server{Agent: &exemplary{}}).Serve(ctx, l) }()
	var all sync.WaitGroup
	var told sync.WaitGroup
	for range 20 {
		client := dial(t, path)
		told.Add(1)
		all.Go(func() {
			_, err := client.Watch(t.Context(), Caller{Notify: func(e Event) error {
				if e.Event == EventState {
					told.Done()
				}
				return nil
			}}, WatchRequest{Profile: "prod"})
			if KindOf(err) != KindShuttingDown {
				t.Errorf("the watch ended with %v", err)
			}
		})
	}
	told.Wait()
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	all.Wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A watcher that takes nothing is hung up on, and nobody else waits for it.
func TestStuckWatcher(t *testing.T) {
	a := newEndless()
	a.event.Message = strings.Repeat("x", 3000)
	near, far := net.Pipe()
	defer near.Close()
	ended := make(chan struct{})
	go func() {
		(&Server{Agent: a}).ServeConn(t.Context(), Caller{}, far)
		close(ended)
	}()
	if _, err := near.Write([]byte(watchProd + "\n")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-a.ended:
		if err == nil {
			t.Error("the event was sent")
		}
	case <-time.After(2 * writeTimeout):
		t.Fatal("it waits still")
	}
	<-ended
}
