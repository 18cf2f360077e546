package wixsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Names of the platform's operations, as faults and the journal use them.
const (
	opToken             = "token"
	opTokenInfo         = "token_info"
	opInstance          = "instance"
	opGetOrder          = "get_order"
	opSearch            = "search"
	opCreateOrder       = "create_order"
	opUpdateOrder       = "update_order"
	opCancelOrder       = "cancel_order"
	opUpdateStatus      = "update_status"
	opCreateFulfillment = "create_fulfillment"
	opUpdateFulfillment = "update_fulfillment"
	opDeleteFulfillment = "delete_fulfillment"
	opListFulfillments  = "list_fulfillments"
	opTransactions      = "transactions"
	opCapture           = "capture"
	opVoid              = "void"
)

var faultOps = []string{
	"*", opToken, opTokenInfo, opInstance, opGetOrder, opSearch, opCreateOrder, opUpdateOrder, opCancelOrder, opUpdateStatus,
	opCreateFulfillment, opUpdateFulfillment, opDeleteFulfillment, opListFulfillments, opTransactions, opCapture, opVoid,
}

var faultHows = []string{
	"status_500", "status_503", "status_429", "status_401", "status_403", "html_502",
	"slow", "hang", "reset_before", "reset_after", "hang_after", "truncated",
	"barrier_before", // held before the work; dropped when the client leaves
	"barrier_after",  // work done, then held
}

// Fault is a scripted failure. It hits the next Times calls of Op, or, when Seconds is given, every call for that long
// (and no more than Times of them when that is given too), of one order where OrderID names it in the call's path. A reset is a connection that ends without a byte: like with
// any server, net/http itself repeats a GET or DELETE that meets it on a reused connection.
type Fault struct {
	Op      string `json:"op"`
	How     string `json:"how"`
	OrderID string `json:"order_id,omitempty"`
	Times   int    `json:"times,omitempty"`
	DelayMS int    `json:"delay_ms,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
}

type armedFault struct {
	Fault
	left  int       // calls still to hit; negative: no limit
	until time.Time // zero: no end
}

// Fail arms a fault.
func (s *Server) Fail(f Fault) error {
	if !slices.Contains(faultOps, f.Op) {
		return fmt.Errorf("unknown op %q", f.Op)
	}
	if !slices.Contains(faultHows, f.How) {
		return fmt.Errorf("unknown fault %q", f.How)
	}
	if f.Times < 0 || f.DelayMS < 0 || f.Seconds < 0 {
		return fmt.Errorf("times, delay_ms and seconds must not be negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	armed := armedFault{Fault: f, left: f.Times}
	if f.Seconds > 0 {
		armed.until = s.now().Add(time.Duration(f.Seconds) * time.Second)
	}
	if f.Times == 0 {
		armed.left = 1
		if f.Seconds > 0 {
			armed.left = -1
		}
	}
	s.faults = append(s.faults, armed)
	return nil
}

// ClearFaults disarms all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault that this call has to suffer; its How is empty when there is none.
func (s *Server) takeFault(op, orderID string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.faults = slices.DeleteFunc(s.faults, func(f armedFault) bool {
		return f.left == 0 || (!f.until.IsZero() && !now.Before(f.until))
	})
	for i := range s.faults {
		f := &s.faults[i]
		if f.Op != op && f.Op != "*" || f.OrderID != "" && f.OrderID != orderID {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		s.note(Entry{Kind: KindFault, Op: op, OrderID: orderID, Detail: map[string]any{"how": f.How}})
		taken := f.Fault
		taken.Op = op
		return taken
	}
	return Fault{}
}

// failBefore plays the faults that happen before anything is done. It reports whether the call is over.
func (s *Server) failBefore(w http.ResponseWriter, r *http.Request, f Fault) bool {
	switch f.How {
	case "slow":
		delay := time.Duration(f.DelayMS) * time.Millisecond
		select {
		case <-time.After(delay):
			return false
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	case "hang":
		s.hang(r)
	case "barrier_before":
		s.wait(r, f, false)
		return false
	case "reset_before":
		panic(http.ErrAbortHandler)
	case "html_502":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"))
		return true
	case "status_429":
		writeFailure(w, errRateLimited())
		return true
	case "status_401":
		writeFailure(w, errUnauthenticated("the access token is not valid"))
		return true
	case "status_403":
		writeFailure(w, applicationError(http.StatusForbidden, "PERMISSION_DENIED", "", "", nil))
		return true
	case "status_500":
		writeFailure(w, bareFailure(http.StatusInternalServerError))
		return true
	case "status_503":
		writeFailure(w, bareFailure(http.StatusServiceUnavailable))
		return true
	}
	return false
}

// failAfter plays the faults that happen when the work is done and the answer is due. It reports whether the call is over.
func (s *Server) failAfter(w http.ResponseWriter, r *http.Request, f Fault, status int, body []byte) bool {
	switch f.How {
	case "reset_after":
		panic(http.ErrAbortHandler)
	case "hang_after":
		s.hang(r)
	case "barrier_after":
		s.wait(r, f, true)
		return false
	case "truncated":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	return false
}

// hang waits until the client leaves or the server closes, and ends without an answer.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	panic(http.ErrAbortHandler)
}

// Barrier is a call that a fault holds.
type Barrier struct {
	Op        string    `json:"op"`
	OrderID   string    `json:"order_id"`
	At        time.Time `json:"at"`
	Committed bool      `json:"committed"`
}

type barrier struct {
	Barrier
	released chan bool // whether the call may go on; else its connection breaks
}

// Barriers lists the calls that are held now, longest waiting first.
func (s *Server) Barriers() []Barrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := []Barrier{}
	for _, b := range s.barriers {
		waiting = append(waiting, b.Barrier)
	}
	return waiting
}

// ReleaseBarriers lets all held calls go on.
func (s *Server) ReleaseBarriers() { s.release("", true) }

// ReleaseBarriersOf lets the held calls about one order go on, or, without one, all.
func (s *Server) ReleaseBarriersOf(orderID string) { s.release(orderID, true) }

// CutBarriers breaks the connections of all held calls, as a network does: what was not done yet is not done.
func (s *Server) CutBarriers() { s.release("", false) }

func (s *Server) release(orderID string, goOn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barriers = slices.DeleteFunc(s.barriers, func(b *barrier) bool {
		if orderID != "" && b.OrderID != orderID {
			return false
		}
		b.released <- goOn
		return true
	})
}

// wait holds a call at a barrier. It returns when the call is released while its client is still there, and ends it otherwise.
func (s *Server) wait(r *http.Request, f Fault, committed bool) {
	b := &barrier{released: make(chan bool, 1)}
	s.mu.Lock()
	b.Barrier = Barrier{Op: f.Op, OrderID: r.PathValue("id"), At: s.now(), Committed: committed}
	s.barriers = append(s.barriers, b)
	s.mu.Unlock()

	released := false
	select {
	case goOn := <-b.released:
		released = goOn && r.Context().Err() == nil
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	s.mu.Lock()
	s.barriers = slices.DeleteFunc(s.barriers, func(other *barrier) bool { return other == b })
	s.mu.Unlock()
	if !released {
		panic(http.ErrAbortHandler)
	}
}
