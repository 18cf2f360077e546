package ordersync

import (
	"context"
	"fmt"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// message is what the inbox keeps of a webhook or a push.
type message struct {
	platform   models.Platform
	externalID string // whose it is, at the platform
	eventID    string
	kind       string
	entityID   string
	body       []byte
	at         time.Time
}

// ReceiveStoreEvent takes a store's webhook: verify, store, enqueue. When it returns nil the message is durable. It answers
// Unauthenticated for a bad signature and writes nothing then.
func (s *Service) ReceiveStoreEvent(ctx context.Context, body []byte) error {
	e, err := s.store.ParseWebhook(body)
	if err != nil {
		s.count("webhook_wix", string(models.KindOf(err)))
		return err
	}
	msg := message{platform: models.Wix, externalID: e.InstanceID, eventID: e.EventID, kind: e.Kind, entityID: e.OrderID, body: body, at: e.At}
	return s.keep(ctx, msg)
}

// ReceiveSupplierEvent takes a push message of the supplier platform in the same way.
func (s *Service) ReceiveSupplierEvent(ctx context.Context, authorization string, body []byte) error {
	e, err := s.supplier.ParsePush(authorization, body)
	if err != nil {
		s.count("webhook_aliexpress", string(models.KindOf(err)))
		return err
	}
	msg := message{platform: models.AliExpress, externalID: e.UserID, eventID: e.EventID, kind: e.Kind, entityID: e.Number, body: body, at: e.At}
	return s.keep(ctx, msg)
}

// keep stores a verified message once. A repeated one is counted and changes nothing; one of an account that nobody has
// connected goes to the orphans and waits there.
func (s *Service) keep(ctx context.Context, msg message) error {
	name := "webhook_" + string(msg.platform)
	m, connection, known, err := s.accounts.Route(ctx, msg.platform, msg.externalID)
	if err != nil {
		s.count(name, "failed")
		return err
	}
	result := "orphan"
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if !known {
			return tx.Exec(`INSERT INTO orphan_inbox (platform, event_id, external_id, kind, entity_id, body, sent_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO NOTHING`, msg.platform, msg.eventID, msg.externalID, msg.kind, msg.entityID, msg.body, msg.at, tx.Now).Error
		}
		fresh, err := put(tx, m, connection, msg)
		result = "accepted"
		if !fresh {
			result = "duplicate"
		}
		return err
	})
	if err != nil {
		result = "failed"
	}
	s.count(name, result)
	return err
}

// put stores a message once. A repeated webhook changes nothing: it has an id of its own. A repeated push message may be
// another one that looks the same, because AliExpress gives it no id and its time counts seconds (aliexpress.md 8.2): it is
// counted, and its order is read again, which is all that a push message ever does.
func put(tx database.Tx, m models.MerchantID, connection models.ID, msg message) (fresh bool, err error) {
	var deliveries int
	err = tx.Raw(`INSERT INTO inbox (merchant_id, platform, event_id, connection_id, kind, entity_id, body, sent_at, received_at, deliveries, outcome)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, '') ON CONFLICT (merchant_id, platform, event_id) DO UPDATE SET deliveries = inbox.deliveries + 1,
			done_at = CASE WHEN inbox.platform = 'aliexpress' THEN NULL ELSE inbox.done_at END RETURNING deliveries`,
		m, msg.platform, msg.eventID, connection, msg.kind, msg.entityID, msg.body, msg.at, tx.Now).Row().Scan(&deliveries)
	if fresh = deliveries == 1; err != nil || !fresh && msg.platform == models.Wix {
		return fresh, err
	}
	return fresh, tx.Enqueue(ReceiveArgs{m, msg.platform, msg.eventID})
}

// adopt moves the orphans of a connection into its merchant's inbox.
func (s *Service) adopt(ctx context.Context, c models.Connection) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		var rows []struct {
			EventID, Kind, EntityID string
			Body                    []byte
			SentAt                  time.Time
		}
		err := tx.Raw("DELETE FROM orphan_inbox WHERE platform = ? AND external_id = ? RETURNING event_id, kind, entity_id, body, sent_at", c.Platform, c.ExternalID).Scan(&rows).Error
		if err != nil {
			return fmt.Errorf("adopt orphans: %w", err)
		}
		for _, r := range rows {
			if _, err := put(tx, c.MerchantID, c.ID, message{platform: c.Platform, eventID: r.EventID, kind: r.Kind, entityID: r.EntityID, body: r.Body, at: r.SentAt}); err != nil {
				return err
			}
		}
		return nil
	})
}

// inboxRow is a message on its way to be worked.
type inboxRow struct {
	ConnectionID models.ID
	Kind         string
	EntityID     string
	SentAt       time.Time
	ReceivedAt   time.Time
	DoneAt       *time.Time
}

// Outcomes of a message.
const (
	inboxApplied   = "applied"
	inboxUnchanged = "unchanged"
	inboxIgnored   = "ignored"
	inboxUnmatched = "unmatched"
)

// receive works one message: it is a hint to read, never a fact.
func (s *Service) receive(ctx context.Context, a ReceiveArgs) error {
	var row inboxRow
	res := s.db.Read(ctx).Raw("SELECT connection_id, kind, entity_id, sent_at, received_at, done_at FROM inbox WHERE merchant_id = ? AND platform = ? AND event_id = ?",
		a.MerchantID, a.Platform, a.EventID).Scan(&row)
	if res.Error != nil {
		return database.Err(res.Error)
	}
	if res.RowsAffected == 0 || row.DoneAt != nil {
		return nil
	}
	outcome, err := s.act(ctx, a, row)
	if err != nil {
		return err
	}
	return s.done(ctx, a, outcome)
}

func (s *Service) done(ctx context.Context, a ReceiveArgs, outcome string) error {
	return database.Err(s.db.Read(ctx).Exec("UPDATE inbox SET done_at = clock_timestamp(), outcome = ? WHERE merchant_id = ? AND platform = ? AND event_id = ?",
		outcome, a.MerchantID, a.Platform, a.EventID).Error)
}

func (s *Service) act(ctx context.Context, a ReceiveArgs, row inboxRow) (outcome string, err error) {
	switch {
	case a.Platform == models.AliExpress:
		return s.actOnPush(ctx, a.MerchantID, row)
	case row.Kind == "AppInstalled":
		return inboxApplied, s.db.InTx(ctx, func(tx database.Tx) error { return s.accounts.Installed(tx, a.MerchantID, row.ConnectionID) })
	case row.Kind == "AppRemoved":
		return inboxApplied, s.db.InTx(ctx, func(tx database.Tx) error { return s.accounts.Removed(tx, a.MerchantID, row.ConnectionID, row.SentAt) })
	case row.EntityID == "":
		return inboxIgnored, nil
	}
	changes, err := s.readStore(ctx, a.MerchantID, row.ConnectionID, row.EntityID, orders.By{Actor: models.ActorSystem, Source: models.SourceWebhook})
	if err != nil {
		return unread(err)
	}
	s.lag("store_to_waybill", time.Since(row.ReceivedAt))
	if changes.Changed {
		return inboxApplied, nil
	}
	return inboxUnchanged, nil
}

// unread says what becomes of a message whose reading failed. One that no repetition can help is done with: what it told
// of is gone, or is found by the sweep that follows when the connection works again.
func unread(err error) (outcome string, _ error) {
	switch models.KindOf(err) {
	case models.Throttled, models.Unavailable, models.Internal:
		return "", err
	}
	return inboxIgnored, nil
}

// actOnPush reads the supplier order that a push message names. One that nobody here knows is kept: an unknown placement
// may be looking for it.
func (s *Service) actOnPush(ctx context.Context, m models.MerchantID, row inboxRow) (string, error) {
	var found []struct{ ID, OrderID models.ID }
	err := s.db.Read(ctx).Raw("SELECT id, order_id FROM supplier_orders WHERE merchant_id = ? AND account_id = ? AND external_id = ?", m, row.ConnectionID, row.EntityID).Scan(&found).Error
	if err != nil {
		return "", database.Err(err)
	}
	if len(found) == 0 {
		return inboxUnmatched, nil
	}
	by := orders.By{Actor: models.ActorSystem, Source: models.SourcePush}
	changes, err := s.readSupplier(ctx, m, found[0].OrderID, found[0].ID, by)
	if err != nil {
		return unread(err)
	}
	s.lag("supplier_to_waybill", time.Since(row.ReceivedAt))
	if changes.Changed {
		return inboxApplied, nil
	}
	return inboxUnchanged, nil
}

// readStore reads one order from its store and lets it in.
func (s *Service) readStore(ctx context.Context, m models.MerchantID, store models.ID, externalID string, by orders.By) (changes orders.Changes, err error) {
	snapshot, err := call(ctx, s, m, store, purposeOf(by), func(a models.Access) (models.StoreOrder, error) { return s.store.Order(ctx, a, externalID) })
	if err == nil {
		changes, err = s.take(ctx, m, store, by, snapshot)
	}
	return s.afterRead(ctx, m, store, externalID, by, changes, err)
}
