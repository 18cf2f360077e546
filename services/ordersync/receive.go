package ordersync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
	"waybill/services/vault"
)

// message is what the inbox keeps of a webhook or a push.
type message struct {
	platform   models.Platform
	externalID string // whose it is, at the platform
	eventID    string
	kind       string
	entityID   string
	body       []byte // packed
	at         time.Time
	version    *time.Time // of the order that it tells of, where it says
	anonymize  bool       // the store has erased the buyer of that order
}

// ReceiveStoreEvent takes a store's webhook: verify, store, enqueue. When it returns nil the message is durable. It answers
// Unauthenticated for a bad signature and writes nothing then.
func (s *Service) ReceiveStoreEvent(ctx context.Context, body []byte) error {
	e, err := s.store.ParseWebhook(body)
	if err != nil {
		s.count("webhook_wix", string(models.KindOf(err)))
		return err
	}
	msg := message{platform: models.Wix, externalID: e.InstanceID, eventID: e.EventID, kind: e.Kind, entityID: e.OrderID, body: s.packer.pack(body), at: e.At, anonymize: e.Anonymize}
	if !e.Version.IsZero() {
		msg.version = &e.Version
	}
	return s.keep(ctx, msg)
}

// ReceiveSupplierEvent takes a push message of the supplier platform in the same way. One that Waybill's own app did not sign may
// be of an app that a merchant brought: the account that it claims to be about says whose secret to check it with.
func (s *Service) ReceiveSupplierEvent(ctx context.Context, authorization string, body []byte) error {
	e, err := s.supplier.ParsePush(models.App{}, authorization, body)
	if errors.Is(err, models.Unauthenticated) {
		app, found := s.appOf(ctx, s.supplier.PushAccount(body))
		if found != nil {
			return found
		}
		if app.Key != "" {
			e, err = s.supplier.ParsePush(app, authorization, body)
		}
	}
	if err != nil {
		s.count("webhook_aliexpress", string(models.KindOf(err)))
		return err
	}
	msg := message{platform: models.AliExpress, externalID: e.UserID, eventID: e.EventID, kind: e.Kind, entityID: e.Number, body: s.packer.pack(body), at: e.At}
	return s.keep(ctx, msg)
}

// appOf is the app that a merchant brought for an account; zero where there is none.
func (s *Service) appOf(ctx context.Context, userID string) (models.App, error) {
	if userID == "" {
		return models.App{}, nil
	}
	m, connection, known, err := s.accounts.Route(ctx, models.AliExpress, userID)
	if err != nil || !known {
		return models.App{}, err
	}
	return s.accounts.App(ctx, m, connection)
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
	if known {
		var fresh bool
		fresh, err = s.file(ctx, m, connection, msg)
		result = "accepted"
		if !fresh {
			result = "duplicate"
		}
	} else {
		err = s.db.InTx(ctx, func(tx database.Tx) error {
			sealed, keyID := s.vault.Sealer().Seal(msg.body, "orphan_inbox", "sealed_body", msg.row())
			return tx.Exec(`INSERT INTO orphan_inbox (platform, event_id, external_id, kind, entity_id, sealed_body, key_id, sent_at, received_at, version, anonymize) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO NOTHING`, msg.platform, msg.eventID, msg.externalID, msg.kind, msg.entityID, sealed, keyID, msg.at, tx.Now, msg.version, msg.anonymize).Error
		})
	}
	if err != nil {
		result = "failed"
	}
	s.count(name, result)
	return err
}

// row names a message where it is stored.
func (m message) row() models.ID { return models.ID(string(m.platform) + "/" + m.eventID) }

// file stores a message of a merchant's once.
func (s *Service) file(ctx context.Context, m models.MerchantID, connection models.ID, msg message) (fresh bool, err error) {
	sealed, keyID, ok := s.vault.SealAtOnce(m, msg.place(), msg.body)
	if !ok {
		err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
			fresh, err = s.put(tx, m, connection, msg)
			return err
		})
		return fresh, err
	}
	var deliveries int
	insert := msg.insert(m, connection, sealed, keyID, &deliveries)
	err = s.db.Of(m).InTxAfter(ctx, []database.Ask{insert}, func(tx database.Tx) error { return wakeFor(tx, m, msg, deliveries) })
	return deliveries == 1, err
}

// put is file within a transaction.
func (s *Service) put(tx database.Tx, m models.MerchantID, connection models.ID, msg message) (fresh bool, err error) {
	var sealed []byte
	var keyID string
	if msg.body != nil {
		if sealed, keyID, err = s.vault.Seal(tx, m, msg.place(), msg.body); err != nil {
			return false, err
		}
	}
	var deliveries int
	if err := tx.Ask(msg.insert(m, connection, sealed, keyID, &deliveries)); err != nil {
		return false, err
	}
	return deliveries == 1, wakeFor(tx, m, msg, deliveries)
}

func (m message) place() vault.Place {
	return vault.Place{Table: "inbox", Column: "sealed_body", Row: m.row()}
}

// insert stores the message, or counts that it came again.
func (m message) insert(merchant models.MerchantID, connection models.ID, sealed []byte, keyID string, deliveries *int) database.Ask {
	return database.Ask{
		SQL: `INSERT INTO inbox (merchant_id, platform, event_id, connection_id, kind, entity_id, sealed_body, key_id, sent_at, received_at, version, anonymize, deliveries, outcome)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), $10, $11, 1, '') ON CONFLICT (merchant_id, platform, event_id) DO UPDATE SET deliveries = inbox.deliveries + 1,
				done_at = CASE WHEN inbox.platform = 'aliexpress' THEN NULL ELSE inbox.done_at END RETURNING deliveries`,
		Args: []any{string(merchant), string(m.platform), m.eventID, string(connection), m.kind, m.entityID, sealed, keyID, m.at, m.version, m.anonymize},
		Row:  func(scan func(...any) error) error { return scan(deliveries) },
	}
}

// wakeFor has a message worked. A repeated webhook changes nothing: it has an id of its own. A repeated push message may be
// another one that looks the same, because AliExpress gives it no id and its time counts seconds (aliexpress.md 8.2): it is
// counted, and its order is read again, which is all that a push message ever does.
func wakeFor(tx database.Tx, m models.MerchantID, msg message, deliveries int) error {
	if deliveries > 1 && msg.platform == models.Wix {
		return nil
	}
	return tx.Enqueue(ReceiveArgs{m, msg.platform, msg.eventID})
}

// adopt moves the orphans of a connection into its merchant's inbox.
func (s *Service) adopt(ctx context.Context, c models.Connection) error {
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		var rows []struct {
			EventID, Kind, EntityID, KeyID string
			Body, SealedBody               []byte
			SentAt                         time.Time
			Version                        *time.Time
			Anonymize                      bool
		}
		err := tx.Raw("DELETE FROM orphan_inbox WHERE platform = ? AND external_id = ? RETURNING event_id, kind, entity_id, body, sealed_body, key_id, sent_at, version, anonymize", c.Platform, c.ExternalID).Scan(&rows).Error
		if err != nil {
			return fmt.Errorf("adopt orphans: %w", err)
		}
		for _, r := range rows {
			msg := message{platform: c.Platform, eventID: r.EventID, kind: r.Kind, entityID: r.EntityID, body: r.Body, at: r.SentAt, version: r.Version, anonymize: r.Anonymize}
			if r.SealedBody != nil { // what a lost key has sealed is told without its body, which nothing needs
				msg.body, _ = s.vault.Sealer().Open(r.KeyID, r.SealedBody, "orphan_inbox", "sealed_body", msg.row())
			}
			if _, err := s.put(tx, c.MerchantID, c.ID, msg); err != nil {
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
	Version      *time.Time
	DoneAt       *time.Time
	Anonymize    bool
}

// Outcomes of a message.
const (
	inboxApplied   = "applied"
	inboxUnchanged = "unchanged"
	inboxIgnored   = "ignored"
	inboxUnmatched = "unmatched"
	inboxFolded    = "folded" // known already when its turn came
)

// receive works one message: it is a hint to read, never a fact.
func (s *Service) receive(ctx context.Context, a ReceiveArgs) error {
	var rows []inboxRow
	err := s.db.Of(a.MerchantID).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT connection_id, kind, entity_id, sent_at, received_at, version, done_at, anonymize FROM inbox WHERE merchant_id = ? AND platform = ? AND event_id = ?",
			a.MerchantID, a.Platform, a.EventID).Scan(&rows).Error
	})
	if err != nil || len(rows) == 0 || rows[0].DoneAt != nil {
		return err
	}
	row := rows[0]
	outcome, err := s.act(ctx, a, row)
	if err != nil {
		return err
	}
	return s.done(ctx, a, outcome)
}

func (s *Service) done(ctx context.Context, a ReceiveArgs, outcome string) error {
	return s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE inbox SET done_at = clock_timestamp(), outcome = ? WHERE merchant_id = ? AND platform = ? AND event_id = ?",
			outcome, a.MerchantID, a.Platform, a.EventID).Error
	})
}

func (s *Service) act(ctx context.Context, a ReceiveArgs, row inboxRow) (outcome string, err error) {
	switch {
	case a.Platform == models.AliExpress:
		return s.actOnPush(ctx, a.MerchantID, row)
	case row.Kind == "AppInstalled":
		return inboxApplied, s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
			if err := s.accounts.Installed(tx, a.MerchantID, row.ConnectionID); err != nil {
				return err
			}
			return tx.Enqueue(CatchUpArgs{a.MerchantID, row.ConnectionID})
		})
	case row.Kind == "AppRemoved":
		return inboxApplied, s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error { return s.accounts.Removed(tx, a.MerchantID, row.ConnectionID, row.SentAt) })
	case row.EntityID == "":
		return inboxIgnored, nil
	case row.Anonymize:
		if err := s.anonymized(ctx, a.MerchantID, row); err != nil {
			return unread(err)
		}
	}
	if seen, err := s.seen(ctx, a.MerchantID, row); err != nil || seen {
		return inboxFolded, err
	}
	if err := s.readBehind(ctx, a.MerchantID, row.ConnectionID); err != nil {
		return "", err
	}
	if seen, err := s.seen(ctx, a.MerchantID, row); err != nil || seen {
		return inboxFolded, err
	}
	began := time.Now()
	changes, err := s.readStore(ctx, a.MerchantID, row.ConnectionID, row.EntityID, orders.By{Actor: models.ActorSystem, Source: models.SourceWebhook}, models.PurposeBackground)
	if err != nil {
		return unread(err)
	}
	s.lag(a.MerchantID, row.ConnectionID, models.StoreToWaybill, time.Since(row.ReceivedAt))
	if err := s.fold(ctx, a, row, began); err != nil {
		return "", err
	}
	if changes.Changed {
		return inboxApplied, nil
	}
	return inboxUnchanged, nil
}

// seen says whether what a message tells of is known already: a page of a search, or the reading for another message, has
// brought the order at this version or a newer one. A version in whole seconds may stand for two changes, so an equal one is
// no proof then.
func (s *Service) seen(ctx context.Context, m models.MerchantID, row inboxRow) (seen bool, err error) {
	if row.Version == nil {
		return false, nil
	}
	least := *row.Version
	if least.Nanosecond() == 0 {
		least = least.Add(time.Microsecond)
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT EXISTS (SELECT 1 FROM orders WHERE merchant_id = ? AND store_id = ? AND external_id = ? AND source_updated_at >= ?)",
			m, row.ConnectionID, row.EntityID, least).Row().Scan(&seen)
	})
	return seen, err
}

// behind is from how many orders with waiting messages on a store is read by page and not order by order.
const behind = 10

// readBehind reads the orders of a store that many messages wait for, a hundred at a call. A message whose order came that way
// finds it seen; one whose order the search does not show yet at its version is read by itself. One worker of a process does
// it at a time: the others come back when it is done.
func (s *Service) readBehind(ctx context.Context, m models.MerchantID, store models.ID) error {
	lock, _ := s.behind.LoadOrStore(store, &sync.Mutex{})
	var ids []string
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT DISTINCT entity_id FROM inbox WHERE merchant_id = ? AND connection_id = ? AND done_at IS NULL AND died_at IS NULL
		AND entity_id <> '' AND version IS NOT NULL LIMIT 100`, m, store).Scan(&ids).Error
	})
	if err != nil || len(ids) < behind {
		return err
	}
	if !lock.(*sync.Mutex).TryLock() {
		e := models.Errorf(models.Unavailable, "store_being_read", "Many orders of this store are being read together.")
		e.RetryAfter = time.Second
		return e
	}
	defer lock.(*sync.Mutex).Unlock()
	c, err := s.accounts.Connection(ctx, m, store)
	if err != nil {
		return err
	}
	page, err := s.searchStore(ctx, c, models.PurposeBackground, models.StoreQuery{IDs: ids}, "")
	if err != nil {
		return err
	}
	if _, err := s.takePage(ctx, c, page, orders.By{Actor: models.ActorSystem, Source: models.SourceWebhook}); err != nil {
		return err
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec(`UPDATE inbox i SET done_at = clock_timestamp(), outcome = ? FROM orders o WHERE i.merchant_id = ? AND i.connection_id = ? AND i.entity_id IN ?
		AND i.done_at IS NULL AND NOT i.anonymize AND o.merchant_id = i.merchant_id AND o.store_id = i.connection_id AND o.external_id = i.entity_id
		AND (o.source_updated_at > i.version OR o.source_updated_at = i.version AND i.version <> date_trunc('second', i.version))`,
			inboxFolded, m, store, ids).Error
	})
}

// fold ends the other messages about an order that were here before it was read: the reading answers them too.
func (s *Service) fold(ctx context.Context, a ReceiveArgs, row inboxRow, began time.Time) error {
	return s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec(`UPDATE inbox SET done_at = clock_timestamp(), outcome = ? WHERE merchant_id = ? AND connection_id = ? AND entity_id = ?
		AND platform = ? AND done_at IS NULL AND NOT anonymize AND received_at < ? AND event_id <> ?`,
			inboxFolded, a.MerchantID, row.ConnectionID, row.EntityID, a.Platform, began.Add(-clockSkew), a.EventID).Error
	})
}

// clockSkew is by how much this process' clock may be ahead of the database's.
const clockSkew = 2 * time.Second

// messageDied keeps the sweeper from waking a message again that was given up: a person may replay it.
func (s *Service) messageDied(ctx context.Context, a ReceiveArgs) error {
	return s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE inbox SET died_at = clock_timestamp() WHERE merchant_id = ? AND platform = ? AND event_id = ? AND done_at IS NULL",
			a.MerchantID, a.Platform, a.EventID).Error
	})
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
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id, order_id FROM supplier_orders WHERE merchant_id = ? AND account_id = ? AND external_id = ?", m, row.ConnectionID, row.EntityID).Scan(&found).Error
	})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return inboxUnmatched, nil
	}
	by := orders.By{Actor: models.ActorSystem, Source: models.SourcePush}
	changes, err := s.readSupplier(ctx, m, found[0].OrderID, found[0].ID, by, models.PurposeBackground)
	if err != nil {
		return unread(err)
	}
	s.lag(m, row.ConnectionID, models.SupplierToWaybill, time.Since(row.ReceivedAt))
	if changes.Changed {
		return inboxApplied, nil
	}
	return inboxUnchanged, nil
}

// readStore reads one order from its store and lets it in.
func (s *Service) readStore(ctx context.Context, m models.MerchantID, store models.ID, externalID string, by orders.By, why models.Purpose) (changes orders.Changes, err error) {
	snapshot, err := call(ctx, s, m, store, why, func(a models.Access) (models.StoreOrder, error) { return s.store.Order(ctx, a, externalID) })
	if err == nil {
		changes, err = s.take(ctx, m, store, by, snapshot)
	}
	return s.afterRead(ctx, m, store, externalID, by, why, changes, err)
}
