package ordersync

import (
	"context"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// Decide replaces a merchant's zone and settings, and has its open orders read anew under them.
func (s *Service) Decide(ctx context.Context, m models.MerchantID, zone string, settings models.Settings, actor models.Actor) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := s.accounts.Decide(tx, m, zone, settings, actor); err != nil {
			return err
		}
		return tx.Enqueue(RerollArgs{MerchantID: m, Actor: actor})
	})
}

// ResumePlacing lets placing go on that stopped by itself, and has what waits looked at.
func (s *Service) ResumePlacing(ctx context.Context, m models.MerchantID, actor models.Actor) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := s.accounts.ResumePlacing(tx, m, actor); err != nil {
			return err
		}
		return tx.Enqueue(RerollArgs{MerchantID: m, Actor: actor})
	})
}

// DecideStore replaces what a merchant has decided about one store, likewise.
func (s *Service) DecideStore(ctx context.Context, m models.MerchantID, store models.ID, settings models.StoreSettings, actor models.Actor) error {
	if !database.ValidID(string(store)) {
		return models.Errorf(models.NotFound, "store_not_found", "There is no such store.")
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := s.accounts.DecideStore(tx, m, store, settings, actor); err != nil {
			return err
		}
		return tx.Enqueue(RerollArgs{MerchantID: m, StoreID: store, Actor: actor})
	})
}

// reroll computes every open order anew. It asks nobody.
func (s *Service) reroll(ctx context.Context, a RerollArgs) error {
	return s.eachOrder(ctx, a.MerchantID, `SELECT id FROM orders WHERE merchant_id = @m AND id > @after AND NOT final AND (@store = '' OR store_id::text = @store) ORDER BY id LIMIT @page`,
		map[string]any{"store": a.StoreID}, func(id models.ID) error {
			by := orders.By{Actor: a.Actor, Source: models.SourcePerson}
			if a.Actor == models.ActorSystem {
				by.Source = models.SourceEngine
			}
			_, err := s.apply(ctx, a.MerchantID, id, by)
			return err
		})
}

// digest computes anew the orders of which lists know too little yet. It asks nobody.
func (s *Service) digest(ctx context.Context, a DigestArgs) error {
	return s.eachOrder(ctx, a.MerchantID, `SELECT id FROM orders WHERE merchant_id = @m AND id > @after AND digest IS NULL ORDER BY id LIMIT @page`,
		map[string]any{}, func(id models.ID) error {
			_, err := s.apply(ctx, a.MerchantID, id, orders.By{Actor: models.ActorSystem, Source: models.SourceEngine})
			return err
		})
}

// remap applies a changed product mapping to every open order with that variant.
func (s *Service) remap(ctx context.Context, a RemapArgs) error {
	return s.eachOrder(ctx, a.MerchantID, `SELECT DISTINCT l.order_id AS id FROM order_lines l JOIN orders o ON o.merchant_id = l.merchant_id AND o.id = l.order_id
		WHERE l.merchant_id = @m AND l.variant_key = @variant AND l.order_id > @after AND o.store_id = @store AND NOT (o.final AND o.tab = 'fulfilled') ORDER BY id LIMIT @page`,
		map[string]any{"variant": a.VariantKey, "store": a.StoreID}, func(id models.ID) error {
			_, err := s.apply(ctx, a.MerchantID, id, orders.By{Actor: a.Actor, Source: models.SourcePerson}, orders.Remapped{})
			return err
		})
}

// eachOrder pages through the ids that a query gives, which knows @m, @after and @page.
func (s *Service) eachOrder(ctx context.Context, m models.MerchantID, query string, args map[string]any, do func(models.ID) error) error {
	args["m"], args["page"], args["after"] = m, 200, models.ID("00000000-0000-0000-0000-000000000000")
	for {
		var ids []models.ID
		if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Raw(query, args).Scan(&ids).Error }); err != nil {
			return err
		}
		for _, id := range ids {
			if err := do(id); err != nil {
				return err
			}
		}
		if len(ids) < 200 {
			return nil
		}
		args["after"] = ids[len(ids)-1]
	}
}
