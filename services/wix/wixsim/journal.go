package wixsim

import (
	"maps"
	"time"
)

// Kinds of journal entries.
const (
	KindRequest            = "request"
	KindRefused            = "refused"
	KindFault              = "fault"
	KindTokenIssued        = "token_issued"
	KindInstanceCreated    = "instance_created"
	KindInstalled          = "app_installed"
	KindRemoved            = "app_removed"
	KindOrderCreated       = "order_created"
	KindOrderChanged       = "order_changed"
	KindFulfillmentCreated = "fulfillment_created"
	KindFulfillmentUpdated = "fulfillment_updated"
	KindFulfillmentDeleted = "fulfillment_deleted"
	KindMail               = "mail" // the buyer is told that goods are shipped; detail: fulfillment_id
	KindOrderDeleted       = "order_deleted"
	KindEvent              = "event"
	KindWebhookDelivered   = "webhook_delivered"
	KindWebhookFailed      = "webhook_failed"
	KindWebhookDropped     = "webhook_dropped"
	KindWebhookHeld        = "webhook_held"
	KindWebhookUnsent      = "webhook_unsent"
)

// Entry is one thing that truly happened. Entries are only ever added.
type Entry struct {
	At         time.Time      `json:"at"`
	Kind       string         `json:"kind"`
	Op         string         `json:"op,omitempty"`
	InstanceID string         `json:"instance_id,omitempty"`
	OrderID    string         `json:"order_id,omitempty"`
	Detail     map[string]any `json:"detail,omitempty"`
}

// Journal returns everything that happened so far, oldest first.
func (s *Server) Journal() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := make([]Entry, len(s.journal))
	for i, e := range s.journal {
		e.Detail = maps.Clone(e.Detail)
		entries[i] = e
	}
	return entries
}

// note adds an entry. The caller holds the lock.
func (s *Server) note(e Entry) {
	e.At = s.now()
	s.journal = append(s.journal, e)
}
