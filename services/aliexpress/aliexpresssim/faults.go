package aliexpresssim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// How names a kind of failure. The names that end in _after fail once the work is done and journaled.
type How string

// The failures that can be scripted. Business refusals are written "business:<ERROR_CODE>".
const (
	ThrottleAPI       How = "throttle_api"        // ApiCallLimit, one second
	ThrottleApp       How = "throttle_app"        // AppApiCallLimit, Fault.Seconds
	ThrottleRest      How = "throttle_rest"       // ApiCallLimit in the flat form of /rest
	ExpiredToken      How = "expired_token"       // IllegalAccessToken
	Code15Before      How = "code15_before"       // isp.service-unavailable, nothing done
	Code15After       How = "code15_after"        // the same answer, but the work is done
	InternalError     How = "internal_error"      // InternalError, nothing done
	ResetBefore       How = "reset_before"        // connection reset, nothing done
	ResetAfter        How = "reset_after"         // work done, then connection reset
	HTTP502After      How = "http502_after"       // work done, then 502 with HTML
	HTML              How = "html"                // 200 with an HTML page, nothing done
	HangBefore        How = "hang_before"         // no answer until the client leaves, nothing done
	HangAfter         How = "hang_after"          // work done, no answer until the client leaves
	SuccessWithoutIDs How = "success_without_ids" // orders exist, the answer lists none
	Truncated         How = "truncated"           // work done, half of the JSON
	Split             How = "split"               // one order for each item
	Slow              How = "slow"                // Fault.DelayMS before anything
	BarrierBefore     How = "barrier_before"      // held before the work; dropped when the client leaves
	BarrierAfter      How = "barrier_after"       // work done, then held

	businessPrefix = "business:"
)

// stage is the moment in a call at which a fault strikes.
type stage int

const (
	stageUnknown stage = iota
	stageGateway
	stageDelay
	stageBusiness
)

func (h How) stage() stage {
	switch h {
	case ThrottleAPI, ThrottleApp, ThrottleRest, ExpiredToken:
		return stageGateway
	case Slow:
		return stageDelay
	case Code15Before, Code15After, InternalError, ResetBefore, ResetAfter, HTTP502After, HTML, HangBefore, HangAfter,
		SuccessWithoutIDs, Truncated, Split, BarrierBefore, BarrierAfter:
		return stageBusiness
	}
	if code, ok := h.businessCode(); ok && code != "" {
		return stageBusiness
	}
	return stageUnknown
}

func (h How) businessCode() (string, bool) {
	return strings.CutPrefix(string(h), businessPrefix)
}

// Fault scripts a failure of the next calls of one API. Calls that the gateway refuses on its own do not use it up.
type Fault struct {
	// Method is an API name, a path of the system gateway, or "*".
	Method string `json:"method"`
	How    How    `json:"how"`
	// UserID narrows it to the calls of one buyer account; empty: every call.
	UserID string `json:"user_id"`
	// Times is how many calls fail; 0 means 1.
	Times int `json:"times"`
	// Seconds is the length of the ban that ThrottleApp announces; 0 means 60. Only Times calls are refused.
	Seconds int `json:"seconds"`
	DelayMS int `json:"delay_ms"`
}

// Fail scripts a failure. Faults for the same API strike in the order in which they were added.
func (s *Server) Fail(f Fault) error {
	if f.Method == "" {
		return fmt.Errorf("%w: a fault needs a method", ErrInvalid)
	}
	if f.How.stage() == stageUnknown {
		return fmt.Errorf("%w: unknown fault %q", ErrInvalid, f.How)
	}
	if f.Times < 0 || f.Seconds < 0 || f.DelayMS < 0 {
		return fmt.Errorf("%w: a fault's numbers cannot be negative", ErrInvalid)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Seconds == 0 {
		f.Seconds = 60
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// ClearFaults forgets the faults that have not struck yet.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault uses up the first fault for this call and stage; locked.
func (s *Server) takeFault(c *call, at stage) *Fault {
	for i, f := range s.faults {
		if f.How.stage() != at || f.Method != "*" && f.Method != c.api || f.UserID != "" && f.UserID != s.caller(c) {
			continue
		}
		f.Times--
		if f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		s.record(Entry{Kind: KindFault, Method: c.api, UserID: s.caller(c), Detail: string(f.How)})
		taken := *f
		return &taken
	}
	return nil
}

// caller is the account that a call speaks for, as far as its token tells, which may be a dead one; locked.
func (s *Server) caller(c *call) string {
	if c.userID != "" {
		return c.userID
	}
	for _, known := range []*grant{s.access[c.params["session"]], s.access[c.params["access_token"]], s.refresh[c.params["refresh_token"]]} {
		if known != nil {
			return known.userID
		}
	}
	return s.spent[c.params["refresh_token"]]
}

// refusal is the gateway's answer for a fault of stageGateway.
func (f *Fault) refusal() *apiError {
	switch f.How {
	case ThrottleApp:
		return appAPICallLimit(f.Seconds)
	case ThrottleRest:
		err := apiCallLimit()
		err.flat = true
		return err
	case ExpiredToken:
		return illegalToken()
	default:
		return apiCallLimit()
	}
}

func serviceUnavailable(c *call) *apiError {
	if c.rest {
		return &apiError{kind: "ISP", code: "ServiceUnavailable", message: "The service is unavailable"}
	}
	return remoteError("isp.service-unavailable", "Service unavailable")
}

// faultBefore strikes before the work is done, and reports whether the call has ended.
func (s *Server) faultBefore(w http.ResponseWriter, r *http.Request, c *call) bool {
	if c.fault == nil {
		return false
	}
	switch c.fault.How {
	case Code15Before:
		s.refuse(w, c, serviceUnavailable(c))
	case InternalError:
		s.refuse(w, c, &apiError{kind: "SYSTEM", code: "InternalError", message: "Internal error"})
	case ResetBefore:
		s.abandon(w, c)
	case HTML:
		s.noteUnanswered(c)
		writeHTML(w, http.StatusOK)
	case HangBefore:
		s.hold(r.Context(), nil)
		s.abandon(w, c)
	case BarrierBefore:
		if s.wait(r.Context(), c, false) {
			return false
		}
		s.abandon(w, c)
	default:
		return false
	}
	return true
}

// faultAfter strikes when the work is done and journaled, and reports whether the call has ended.
func (s *Server) faultAfter(w http.ResponseWriter, r *http.Request, c *call, body object) bool {
	if c.fault == nil {
		return false
	}
	switch c.fault.How {
	case Code15After:
		s.reply(w, c, nil, serviceUnavailable(c))
	case ResetAfter:
		reset(w)
	case HTTP502After:
		writeHTML(w, http.StatusBadGateway)
	case HangAfter:
		s.hold(r.Context(), nil)
		reset(w)
	case Truncated:
		if body == nil {
			return false
		}
		raw := encode(Variation{}.shape(c, body, nil))
		writeJSON(w, raw[:len(raw)/2])
	case BarrierAfter:
		if s.wait(r.Context(), c, true) {
			return false
		}
		reset(w)
	default:
		return false
	}
	return true
}

// refuse answers with an error that a fault made up, and journals it.
func (s *Server) refuse(w http.ResponseWriter, c *call, err *apiError) {
	s.mu.Lock()
	s.recordCall(c, err)
	s.mu.Unlock()
	s.reply(w, c, nil, err)
}

// abandon breaks the connection of a call for which nothing was done.
func (s *Server) abandon(w http.ResponseWriter, c *call) {
	s.noteUnanswered(c)
	reset(w)
}

func (s *Server) noteUnanswered(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(Entry{Kind: KindCall, Method: c.api, UserID: c.userID, Detail: "nothing done: " + string(c.fault.How)})
}

// reset ends the connection without an answer, with a TCP reset where the connection is one.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 and recorders cannot hijack; this resets the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func writeHTML(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><head><title>%[1]d</title></head><body><center><h1>%[1]d %[2]s</h1></center></body></html>\n",
		status, http.StatusText(status))
}

// pause waits, but not longer than the client or the simulator stays.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	s.hold(ctx, timer.C)
}

// hold blocks until the client leaves, the simulator closes or until fires.
func (s *Server) hold(ctx context.Context, until <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-s.life.Done():
	case <-until:
	}
}

// Barrier is a call that a fault holds.
type Barrier struct {
	Method    string    `json:"method"`
	UserID    string    `json:"user_id"`
	At        time.Time `json:"at"`
	Committed bool      `json:"committed"`
	OrderIDs  []string  `json:"order_ids"`
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

// ReleaseBarriersOf lets the held calls of one buyer account go on, or, without one, all.
func (s *Server) ReleaseBarriersOf(userID string) { s.release(userID, true) }

// CutBarriers breaks the connections of all held calls, as a network does: what was not done yet is not done.
func (s *Server) CutBarriers() { s.release("", false) }

func (s *Server) release(userID string, goOn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barriers = slices.DeleteFunc(s.barriers, func(b *barrier) bool {
		if userID != "" && b.UserID != userID {
			return false
		}
		b.released <- goOn
		return true
	})
}

// wait holds a call at a barrier and reports whether it was released while its client was still there.
func (s *Server) wait(ctx context.Context, c *call, committed bool) bool {
	b := &barrier{released: make(chan bool, 1)}
	s.mu.Lock()
	b.Barrier = Barrier{Method: c.api, UserID: s.caller(c), At: s.now().UTC(), Committed: committed, OrderIDs: append([]string{}, c.orderIDs...)}
	s.barriers = append(s.barriers, b)
	s.mu.Unlock()

	released := false
	select {
	case goOn := <-b.released:
		released = goOn && ctx.Err() == nil
	case <-ctx.Done():
	case <-s.life.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barriers = slices.DeleteFunc(s.barriers, func(other *barrier) bool { return other == b })
	return released
}
