package aliexpresssim

import (
	"strings"
	"time"
)

// Kind says what a journal entry records.
type Kind string

// The kinds of journal entries. KindCall stands for every call that reached a gateway, with its result code;
// KindRefused repeats the ones that the platform refused, with the reason.
const (
	KindCall           Kind = "call"
	KindRefused        Kind = "refused"
	KindFault          Kind = "fault"
	KindTokenIssued    Kind = "token_issued"
	KindTokenExpired   Kind = "token_expired"
	KindTokenRevoked   Kind = "token_revoked"
	KindOrderCreated   Kind = "order_created"
	KindOrderRepeated  Kind = "order_repeated"
	KindOrderPaid      Kind = "order_paid"
	KindPaymentFailed  Kind = "payment_failed"
	KindRiskCleared    Kind = "risk_cleared"
	KindOrderShipped   Kind = "order_shipped"
	KindParcelChanged  Kind = "parcel_changed"
	KindOrderConfirmed Kind = "order_confirmed"
	KindCancelPending  Kind = "cancel_pending"
	KindLineCancelled  Kind = "line_cancelled"
	KindOrderClosed    Kind = "order_closed"
	KindStatusForced   Kind = "status_forced"
	KindPushSent       Kind = "push_sent"
	KindPushDelivered  Kind = "push_delivered"
	KindPushFailed     Kind = "push_failed"
	KindPushDropped    Kind = "push_dropped"
	KindPushHeld       Kind = "push_held"
)

// Entry is one thing that truly happened. Entries are never changed or removed.
type Entry struct {
	At         time.Time `json:"at"`
	Kind       Kind      `json:"kind"`
	Method     string    `json:"method"`
	UserID     string    `json:"user_id"`
	OrderID    string    `json:"order_id"`
	OutOrderID string    `json:"out_order_id"`
	Detail     string    `json:"detail"`
}

// Journal returns everything that happened so far, oldest first.
func (s *Server) Journal() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry{}, s.journal...)
}

// journalOf returns the entries of one kind, or all when kind is empty.
func (s *Server) journalOf(kind Kind) []Entry {
	entries := s.Journal()
	if kind == "" {
		return entries
	}
	matching := []Entry{}
	for _, e := range entries {
		if e.Kind == kind {
			matching = append(matching, e)
		}
	}
	return matching
}

// record appends an entry at the current time; locked.
func (s *Server) record(e Entry) {
	e.At = s.now().UTC()
	s.journal = append(s.journal, e)
}

// recordOrder appends an entry about an order; locked.
func (s *Server) recordOrder(kind Kind, o *order, detail ...string) {
	s.record(Entry{
		Kind: kind, UserID: o.userID, OrderID: o.number(), OutOrderID: o.outOrderID,
		Detail: strings.Join(detail, " "),
	})
}
