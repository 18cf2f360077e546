package ordersync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

const (
	privacyEvery = time.Hour
	privacyBatch = 100 // orders or messages of a merchant at a time

	// What messages hold is kept for a look at what has just happened, of those that were never worked for longer.
	doneBodyKept = 24 * time.Hour
	bodyKept     = 30 * 24 * time.Hour
)

// Erase has the buyer's data of an order erased: at once, or when the order has ended. It answers NotFound for an order of another
// merchant.
func (s *Service) Erase(ctx context.Context, m models.MerchantID, orderID models.ID, cause models.ErasureCause, by orders.By) (models.Erasure, error) {
	if !database.ValidID(string(orderID)) {
		return models.Erasure{}, models.Errorf(models.NotFound, "order_not_found", "There is no such order.")
	}
	if _, err := s.apply(ctx, m, orderID, by, orders.ErasureRequested{Cause: cause}); err != nil {
		return models.Erasure{}, err
	}
	return s.orders.ErasureOf(ctx, m, orderID)
}

// EraseBuyer is Erase for all orders that were made with an e-mail address.
func (s *Service) EraseBuyer(ctx context.Context, m models.MerchantID, email string, by orders.By) ([]models.Erasure, error) {
	ids, err := s.orders.OfBuyer(ctx, m, email)
	var done []models.Erasure
	for _, id := range ids {
		if err != nil {
			break
		}
		var e models.Erasure
		if e, err = s.Erase(ctx, m, id, models.EraseForOperator, by); err == nil {
			done = append(done, e)
		}
	}
	return done, err
}

// anonymized erases a buyer whom the store has erased. An order that is new to us is read first, so that it is known that its buyer is
// not to be kept.
func (s *Service) anonymized(ctx context.Context, m models.MerchantID, row inboxRow) error {
	by := orders.By{Actor: models.ActorSystem, Source: models.SourceWebhook, Reason: "the store has erased the buyer"}
	id, err := s.orderOf(ctx, m, row)
	if err == nil && id == "" {
		if _, err = s.readStore(ctx, m, row.ConnectionID, row.EntityID, by, models.PurposeBackground); err == nil {
			id, err = s.orderOf(ctx, m, row)
		}
	}
	if err != nil || id == "" {
		return err
	}
	_, err = s.apply(ctx, m, id, by, orders.ErasureRequested{Cause: models.EraseForStore})
	return err
}

// orderOf is the order that a message tells of; empty where it is not known.
func (s *Service) orderOf(ctx context.Context, m models.MerchantID, row inboxRow) (id models.ID, err error) {
	var found []models.ID
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM orders WHERE merchant_id = ? AND store_id = ? AND external_id = ?", m, row.ConnectionID, row.EntityID).Scan(&found).Error
	})
	if len(found) == 1 {
		id = found[0]
	}
	return id, err
}

// Privacy seals what is not sealed yet, and erases and forgets what was kept for long enough: at once, and then every hour.
func (s *Service) Privacy(ctx context.Context) {
	tick := time.NewTicker(s.pace.Every(privacyEvery))
	defer tick.Stop()
	for {
		if err := s.KeepPrivacy(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("keep buyers' privacy", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// KeepPrivacy does once what is due. One merchant's trouble does not keep the others back.
func (s *Service) KeepPrivacy(ctx context.Context) error {
	var merchants []models.MerchantID
	if err := s.db.Read(ctx).Raw("SELECT id FROM merchants ORDER BY id").Scan(&merchants).Error; err != nil {
		return database.Err(err)
	}
	var all error
	for _, m := range merchants {
		for _, do := range []func(context.Context, models.MerchantID) (int, error){s.eraseDue, s.emptyMessages, s.forgetMessages, s.sealPlain} {
			if err := untilNone(ctx, m, do); err != nil {
				all = errors.Join(all, fmt.Errorf("merchant %s: %w", m, err))
			}
		}
	}
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("DELETE FROM orphan_inbox WHERE received_at <= ?", tx.Now.Add(-bodyKept)).Error
	})
	return errors.Join(all, err)
}

// untilNone does it in small parts until a part is not full.
func untilNone(ctx context.Context, m models.MerchantID, do func(context.Context, models.MerchantID) (int, error)) error {
	for {
		if n, err := do(ctx, m); err != nil || n < privacyBatch {
			return err
		}
	}
}

func (s *Service) eraseDue(ctx context.Context, m models.MerchantID) (int, error) {
	due, err := s.orders.DueErasures(ctx, m, privacyBatch)
	erased := 0
	for _, d := range due {
		if err != nil {
			break
		}
		var c orders.Changes
		c, err = s.apply(ctx, m, d.OrderID, orders.By{Actor: models.ActorSystem, Source: models.SourceEngine}, orders.ErasureRequested{Cause: d.Cause})
		if c.Facts.Order.ErasedAt != nil {
			erased++
		}
	}
	return erased, err
}

func (s *Service) emptyMessages(ctx context.Context, m models.MerchantID) (n int, err error) {
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`UPDATE inbox SET body = NULL, sealed_body = NULL WHERE merchant_id = @m AND (platform, event_id) IN (
			SELECT platform, event_id FROM inbox WHERE merchant_id = @m AND (body IS NOT NULL OR sealed_body IS NOT NULL)
				AND (done_at <= @done OR received_at <= @kept) ORDER BY received_at LIMIT @limit FOR UPDATE SKIP LOCKED)`,
			map[string]any{"m": m, "done": tx.Now.Add(-doneBodyKept), "kept": tx.Now.Add(-bodyKept), "limit": privacyBatch})
		n = int(res.RowsAffected)
		return res.Error
	})
	return n, err
}

// forgetMessages removes messages that were worked so long ago that no platform sends them again.
func (s *Service) forgetMessages(ctx context.Context, m models.MerchantID) (n int, err error) {
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`DELETE FROM inbox WHERE merchant_id = @m AND (platform, event_id) IN (
			SELECT platform, event_id FROM inbox WHERE merchant_id = @m AND body IS NULL AND sealed_body IS NULL AND done_at IS NOT NULL AND received_at <= @before
				ORDER BY received_at LIMIT @limit FOR UPDATE SKIP LOCKED)`, map[string]any{"m": m, "before": tx.Now.Add(-s.messages), "limit": privacyBatch})
		n = int(res.RowsAffected)
		return res.Error
	})
	return n, err
}

func (s *Service) sealPlain(ctx context.Context, m models.MerchantID) (int, error) {
	return s.orders.SealPlain(ctx, m, privacyBatch)
}
