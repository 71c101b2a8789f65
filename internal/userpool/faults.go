package userpool

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Fault is something that goes wrong between a client and Cognito.
type Fault int

const (
	// Throttle answers TooManyRequestsException, with HTTP 400 as Cognito does;
	// on a pool's domain HTTP 429.
	Throttle Fault = iota + 1
	// InternalError answers HTTP 500 with InternalErrorException.
	InternalError
	// Unavailable answers HTTP 503 with a page instead of JSON, as a load balancer does.
	Unavailable
	// Reset cuts the connection before anything is done.
	Reset
	// LoseAnswer carries the operation out and cuts the connection then: the
	// client can't know that a rotation happened.
	LoseAnswer
	// Garbage answers HTTP 200 with bytes that are no JSON.
	Garbage
	// HTML answers HTTP 200 with a page, as a captive portal does.
	HTML
	// UnknownOperation answers as a server does that doesn't know the operation:
	// for GetTokensFromRefreshToken, an emulator from before 2025.
	UnknownOperation
	// Hang answers nothing until the client hangs up, at most five minutes.
	Hang
)

// String names the fault in Call.Error.
func (f Fault) String() string {
	names := [...]string{"", "throttle", "internal-error", "unavailable", "reset", "lose-answer", "garbage", "html", "unknown-operation", "hang"}
	if f < 0 || int(f) >= len(names) {
		return "fault"
	}
	return names[f]
}

// Always, as the times of Fail, means until Heal.
const Always = -1

type ordered struct {
	fault Fault
	times int
}

type faults struct {
	mu      sync.Mutex
	ordered map[string][]ordered
	delays  map[string]time.Duration
}

// Fail makes the next calls of operation (any, if "") meet fault, as often as
// times says, after what was ordered before for the same operation. Calls that
// meet a fault change nothing in the pools, but with LoseAnswer.
func (s *Server) Fail(operation string, fault Fault, times int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.ordered == nil {
		s.faults.ordered = map[string][]ordered{}
	}
	s.faults.ordered[operation] = append(s.faults.ordered[operation], ordered{fault, times})
}

// Delay makes every call of operation (any that has no delay of its own, if "")
// wait before it is looked at.
func (s *Server) Delay(operation string, delay time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.delays == nil {
		s.faults.delays = map[string]time.Duration{}
	}
	s.faults.delays[operation] = delay
}

// Heal ends all faults and delays.
func (s *Server) Heal() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.ordered, s.faults.delays = nil, nil
}

// next takes the fault that a call of operation meets; 0 for none.
func (f *faults) next(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{operation, ""} {
		queue := f.ordered[name]
		for len(queue) > 0 && queue[0].times == 0 {
			queue = queue[1:]
		}
		if len(queue) == 0 {
			continue
		}
		if queue[0].times > 0 {
			queue[0].times--
		}
		f.ordered[name] = queue
		return queue[0].fault
	}
	return 0
}

func (f *faults) delay(operation string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, own := f.delays[operation]; own {
		return d
	}
	return f.delays[""]
}

// inflict does the fault to the request.
func (f Fault) inflict(w http.ResponseWriter, r *http.Request) {
	switch f {
	case Throttle:
		writeError(w, refuse("TooManyRequestsException", "Rate exceeded"))
	case InternalError:
		writeError(w, &apiError{name: "InternalErrorException", message: "Something went wrong", status: http.StatusInternalServerError})
	case Unavailable:
		writePage(w, http.StatusServiceUnavailable, "503 Service Unavailable")
	case Reset, LoseAnswer:
		cut(w)
	case Garbage:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte("\x00\x1b[31m{\"AuthenticationResult\":\xff"))
	case HTML:
		writePage(w, http.StatusOK, "Please accept the terms of this network")
	case UnknownOperation:
		writeError(w, unknownOperation())
	case Hang:
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Minute):
		}
		cut(w)
	}
}

func writePage(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>"))
}

// cut ends the connection with a reset, where it is TCP.
func cut(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
