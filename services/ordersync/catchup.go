package ordersync

import (
	"context"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// catchUp makes everything due that waited for a connection to be connected again: a store is searched from its watermark on,
// and the orders that have something open with a supplier account are checked. It asks nobody itself.
func (s *Service) catchUp(ctx context.Context, a CatchUpArgs) error {
	c, err := s.accounts.Connection(ctx, a.MerchantID, a.ConnectionID)
	if err != nil || c.State != models.ConnectionActive {
		return err
	}
	if c.Platform == models.Wix {
		err := s.refusedForPermission(ctx, a)
		if err != nil {
			return err
		}
		err = s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec("UPDATE connections SET next_sweep_at = clock_timestamp() WHERE merchant_id = ? AND id = ?", a.MerchantID, a.ConnectionID).Error
		})
		if err != nil {
			return err
		}
		return s.eachOrder(ctx, a.MerchantID, `SELECT DISTINCT order_id AS id FROM pushes WHERE merchant_id = @m AND store_id = @connection AND state IN ('waiting', 'sent', 'retrying') AND order_id > @after ORDER BY id LIMIT @page`,
			map[string]any{"connection": a.ConnectionID}, func(id models.ID) error { return s.dueNow(ctx, a.MerchantID, id) })
	}
	return s.eachOrder(ctx, a.MerchantID, `SELECT DISTINCT order_id AS id FROM supplier_orders WHERE merchant_id = @m AND account_id = @connection AND order_id > @after
		AND (state = 'placed' AND stage IN ('unpaid', 'paid', 'shipped') OR state IN ('planned', 'approved', 'unknown')) ORDER BY id LIMIT @page`,
		map[string]any{"connection": a.ConnectionID}, func(id models.ID) error { return s.dueNow(ctx, a.MerchantID, id) })
}

// refusedForPermission tells the store again what it refused because Waybill was not allowed to.
func (s *Service) refusedForPermission(ctx context.Context, a CatchUpArgs) error {
	var refused []models.ID
	err := s.db.Of(a.MerchantID).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM pushes WHERE merchant_id = ? AND store_id = ? AND state = 'refused' AND error_code = 'wix_permission_missing' ORDER BY id LIMIT 1000", a.MerchantID, a.ConnectionID).Scan(&refused).Error
	})
	if err != nil {
		return err
	}
	for _, id := range refused {
		if _, err := s.RetryPush(ctx, a.MerchantID, id, orders.By{Actor: models.ActorSystem, Source: models.SourceEngine, Reason: "the store is connected again"}); err != nil {
			return err
		}
	}
	return nil
}

// dueNow makes an order and what is open of it due at once.
func (s *Service) dueNow(ctx context.Context, m models.MerchantID, id models.ID) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		for _, statement := range []string{
			"UPDATE orders SET next_check_at = ? WHERE merchant_id = ? AND id = ? AND NOT final",
			"UPDATE order_checks SET due_at = ? WHERE merchant_id = ? AND order_id = ?",
			"UPDATE supplier_orders SET next_check_at = ?, check_failures = 0 WHERE merchant_id = ? AND order_id = ? AND next_check_at IS NOT NULL",
			"UPDATE pushes SET next_try_at = ? WHERE merchant_id = ? AND order_id = ? AND next_try_at IS NOT NULL AND state IN ('waiting', 'sent', 'retrying')",
		} {
			if err := tx.Exec(statement, tx.Now, m, id).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// Disconnect ends a connection because a person wants it. The open orders of a supplier account say then that they are stranded.
func (s *Service) Disconnect(ctx context.Context, m models.MerchantID, id models.ID, actor models.Actor) (models.Connection, error) {
	c, err := s.accounts.Disconnect(ctx, m, id, actor)
	if err != nil || c.Platform != models.AliExpress {
		return c, err
	}
	return c, s.db.Of(m).InTx(ctx, func(tx database.Tx) error { return tx.Enqueue(RerollArgs{MerchantID: m, Actor: actor}) })
}

// Connected has what waited for a connection caught up with. It is told of every connection that is made or made anew.
func (s *Service) Connected(ctx context.Context, c models.Connection) error {
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error { return tx.Enqueue(CatchUpArgs{c.MerchantID, c.ID}) })
}
