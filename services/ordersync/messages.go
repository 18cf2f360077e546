package ordersync

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/orders"
)

// KeptMessage is a webhook or a push as the inbox keeps it.
type KeptMessage struct {
	Platform   models.Platform `json:"platform"`
	EventID    string          `json:"event_id"`
	Kind       string          `json:"kind"`
	SentAt     time.Time       `json:"sent_at"`
	ReceivedAt time.Time       `json:"received_at"`
	DoneAt     *time.Time      `json:"done_at,omitempty"`
	Deliveries int             `json:"deliveries"`
	Outcome    string          `json:"outcome"`
	Body       *string         `json:"body"` // as it came; nil once it is no longer kept
}

// Messages gives what is kept of the messages about an order, oldest first and at most a thousand, to the operator: what the platforms really sent. It tells of
// buyers, so it is entered into the audit first. It answers NotFound when the merchant has no such order.
func (s *Service) Messages(ctx context.Context, m models.MerchantID, order models.ID, by orders.By) ([]KeptMessage, error) {
	f, err := s.orders.Outline(ctx, m, order)
	if err != nil {
		return nil, err
	}
	about := []string{f.Order.ExternalID}
	for _, so := range f.SupplierOrders {
		if so.ExternalID != "" {
			about = append(about, so.ExternalID)
		}
	}
	var rows []struct {
		KeptMessage
		KeyID      string
		Body       []byte
		SealedBody []byte
	}
	act := audit.Act{By: by.Actor, What: models.ActExported, Subject: models.AuditSubject{Kind: models.SubjectOrder, ID: order}, Reason: by.Reason, Detail: map[string]any{"what": "messages"}}
	err = audit.New(s.db).Enter(ctx, m, act)
	if err != nil {
		return nil, err
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT platform, event_id, kind, sent_at, received_at, done_at, deliveries, outcome, key_id, body, sealed_body FROM inbox
			WHERE merchant_id = ? AND entity_id IN ? ORDER BY received_at, event_id LIMIT 1000`, m, about).Scan(&rows).Error
	})
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	all := make([]KeptMessage, len(rows))
	for i, r := range rows {
		all[i] = r.KeptMessage
		body := r.Body
		if r.SealedBody != nil {
			if body, err = s.vault.Open(ctx, m, message{platform: r.Platform, eventID: r.EventID}.place(), r.SealedBody, r.KeyID); err != nil {
				return nil, fmt.Errorf("open message %s: %w", r.EventID, err)
			}
		}
		if body == nil {
			continue
		}
		if body, err = s.packer.unpack(body); err != nil {
			return nil, fmt.Errorf("open message %s: %w", r.EventID, err)
		}
		all[i].Body = new(string(body))
	}
	return all, nil
}
