package ordersync

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/budgets"
	"waybill/services/orders"
)

// Estimate says beforehand what a sync will cost.
type Estimate struct {
	Orders        int64
	Truncated     bool // there are more than were counted
	StoreCalls    int64
	SupplierCalls int64
	Seconds       float64 // at the pace of the budgets, were nothing else to do
	Running       bool    // an equal sync is under way: a request would join it
	LimitedUntil  *time.Time
}

// countMost bounds what an estimate counts.
const countMost = 100_000

// Estimate estimates a sync without starting it. Its errors are those of Request.
func (s *Service) Estimate(ctx context.Context, m models.MerchantID, r SyncRequest) (e Estimate, err error) {
	if err := s.knownScope(ctx, m, &r.Scope); err != nil {
		return e, err
	}
	var counted struct{ Orders, Supplier, Shipped, Pushes, Stores int64 }
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`WITH o AS MATERIALIZED (?) SELECT count(*) AS orders, count(DISTINCT store_id) AS stores,
		(SELECT count(*) FROM supplier_orders s WHERE s.merchant_id = ? AND s.state = 'placed' AND s.stage IN ('unpaid', 'paid', 'shipped') AND s.order_id IN (SELECT id FROM o)) AS supplier,
		(SELECT count(*) FROM supplier_orders s WHERE s.merchant_id = ? AND s.state = 'placed' AND s.stage = 'shipped' AND s.order_id IN (SELECT id FROM o)) AS shipped,
		(SELECT count(*) FROM pushes p WHERE p.merchant_id = ? AND p.state IN ('waiting', 'sent', 'retrying') AND p.order_id IN (SELECT id FROM o)) AS pushes
		FROM o`, inScope(q.Table("orders").Select("id, store_id"), m, r.Scope).Limit(countMost), m, m, m).Scan(&counted).Error
	})
	if err != nil {
		return e, fmt.Errorf("estimate a sync: %w", err)
	}
	e.Orders, e.Truncated = counted.Orders, counted.Orders >= countMost
	if r.Direction.Covers(models.FromStore) {
		e.StoreCalls += (counted.Orders+syncPage-1)/syncPage + counted.Stores
	}
	if r.Direction.Covers(models.ToStore) {
		e.StoreCalls += 3 * counted.Pushes // list, tell, read back
	}
	if r.Direction.Covers(models.FromSupplier) {
		e.SupplierCalls = counted.Supplier + counted.Shipped
	}
	e.Seconds = max(
		s.takes(e.StoreCalls, s.rates.StorePerSecond*float64(max(counted.Stores, 1)), r),
		s.takes(e.SupplierCalls, s.rates.SupplierPerSecond, r),
	)
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT EXISTS (SELECT 1 FROM sync_jobs WHERE merchant_id = ? AND scope_key = ? AND state IN ('queued', 'running'))", m, scopeKey(r)).Row().Scan(&e.Running)
	}); err != nil {
		return e, err
	}
	e.LimitedUntil, err = s.limitedUntil(ctx, m)
	return e, err
}

// takes is how long calls take at a budget's pace; without a pace, at what a call usually takes.
func (s *Service) takes(calls int64, perSecond float64, r SyncRequest) float64 {
	if perSecond <= 0 {
		return float64(calls) * 0.2 / syncParallel
	}
	if s.purposeOf(models.SyncJob{Scope: r.Scope, Trigger: "manual"}) == models.PurposeBackground {
		perSecond *= 1 - budgets.Reserved
	}
	return float64(calls) / perSecond
}

// inScope narrows a query of orders to those of a scope.
func inScope(q *gorm.DB, m models.MerchantID, sc models.SyncScope) *gorm.DB {
	if sc.Kind == models.ScopeFilter && sc.Filter != nil {
		if q = orders.Narrow(q, m, listed(*sc.Filter)); !sc.Filter.All() {
			q = q.Where("NOT orders.final")
		}
		return q
	}
	q = q.Where("merchant_id = ?", m)
	if sc.StoreID != "" {
		q = q.Where("store_id = ?", sc.StoreID)
	}
	switch sc.Kind {
	case models.ScopeOrders:
		q = q.Where("id IN ?", sc.IDs)
	case models.ScopeTab:
		q = q.Where("tab = ?", sc.Tab)
	case models.ScopeExternal:
		q = q.Where("external_id IN ?", sc.ExternalIDs)
	case models.ScopeRange:
		q = placedWithin(q, sc)
	}
	if sc.Kind != models.ScopeOrders && !sc.FromOutside() {
		q = q.Where("NOT final") // what can still change; a named order is looked at in any case
	}
	return q
}

// listed is the list of which a sync's filter speaks.
func listed(f models.SyncFilter) orders.Filter {
	return orders.Filter{
		Tab: f.Tab, Attention: f.View == models.ViewAttention, StoreID: f.StoreID, Flag: f.Flag, Country: f.Country, Supplier: f.Supplier, Query: f.Query,
		PlacedFrom: f.PlacedFrom, PlacedTo: f.PlacedTo,
	}
}

// limitedUntil is until when a platform takes no calls for one of the merchant's connections; nil when all do.
func (s *Service) limitedUntil(ctx context.Context, m models.MerchantID) (*time.Time, error) {
	list, err := s.accounts.Connections(ctx, m)
	if err != nil {
		return nil, err
	}
	var latest *time.Time
	for _, c := range list {
		until, err := s.budgets.BannedUntil(ctx, s.budgetOf(c))
		if err != nil {
			return nil, err
		}
		if until != nil && (latest == nil || until.After(*latest)) {
			latest = until
		}
	}
	return latest, nil
}

// budgetOf is the budget that reading over a connection draws on.
func (s *Service) budgetOf(c models.Connection) string {
	if c.Platform == models.Wix {
		return c.ExternalID
	}
	return s.supplier.BudgetKey(c.AppKey)
}
