package ordersync

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/orders"
)

// readShown asks a store what it shows as shipped of an order.
func (s *Service) readShown(ctx context.Context, m models.MerchantID, o models.Order, why models.Purpose) (shows orders.StoreShows, err error) {
	if shows, err = s.orders.NextShown(ctx, m, o.ID); err != nil {
		return shows, err
	}
	shows.Fulfillments, err = call(ctx, s, m, o.StoreID, why, func(a models.Access) ([]models.Fulfillment, error) { return s.store.Fulfillments(ctx, a, o.ExternalID) })
	return shows, err
}

// lookAtShown reads what the store shows as shipped where that may have changed: see models.WantShown.
func (s *Service) lookAtShown(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By, why models.Purpose) (changes orders.Changes, err error) {
	var may bool // most orders have nothing shipped: one look spares the rest
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT coalesce((SELECT shown_at IS NOT NULL OR fulfillment_status NOT IN ('', 'NOT_FULFILLED') FROM orders WHERE merchant_id = ? AND id = ?), false)", m, orderID).Row().Scan(&may)
	})
	if err != nil || !may {
		return changes, err
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil || !models.WantShown(d.Facts, time.Now(), s.pace.Every) {
		return changes, err
	}
	reading, err := s.readShown(ctx, m, d.Order, why)
	if err != nil {
		return changes, err
	}
	return s.apply(context.WithoutCancel(ctx), m, orderID, by, reading)
}

// afterRead goes on from reading an order in its store: what it shows as shipped is read too where that may have changed, and
// an order that the store no longer has is marked as gone.
func (s *Service) afterRead(ctx context.Context, m models.MerchantID, store models.ID, externalID string, by orders.By, why models.Purpose, changes orders.Changes, err error) (orders.Changes, error) {
	if errors.Is(err, models.NotFound) {
		return s.gone(ctx, m, store, externalID, by, err)
	}
	if err != nil {
		return changes, err
	}
	more, err := s.lookAtShown(ctx, m, changes.OrderID, by, why)
	changes.Changed, changes.Events = changes.Changed || more.Changed, append(changes.Events, more.Events...)
	if more.OrderID != "" {
		changes.After, changes.Facts = more.After, more.Facts
	}
	return changes, err
}

// gone marks a known order as gone from its store, and passes the error on for one that is not known.
func (s *Service) gone(ctx context.Context, m models.MerchantID, store models.ID, externalID string, by orders.By, cause error) (orders.Changes, error) {
	var known []models.ID
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM orders WHERE merchant_id = ? AND store_id = ? AND external_id = ?", m, store, externalID).Scan(&known).Error
	})
	if err != nil || len(known) == 0 {
		return orders.Changes{}, errors.Join(cause, err)
	}
	return s.apply(context.WithoutCancel(ctx), m, known[0], by, orders.StoreGone{})
}
