package ordersync

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/budgets"
	"waybill/services/database"
	"waybill/services/orders"
)

// Rates are the calls a second that the platforms' budgets allow under one key; 0 for no limit of ours.
type Rates struct {
	StorePerSecond    float64
	SupplierPerSecond float64
}

const (
	governEvery = time.Minute
	headroom    = 0.9 // of the background's share is planned with: retries and looking for unknown purchases need some too
)

// demandRow counts an app's open supplier orders of one stage and about one age.
type demandRow struct {
	AppKey string
	Stage  models.Stage
	Age    int // how many of ages it has passed
	N      int64
}

// ages are the ends of the ages by which open supplier orders are counted: where models.WishedCheckEvery changes its mind.
var ages = []time.Duration{2 * time.Hour, 36 * time.Hour, 10 * 24 * time.Hour, 30 * 24 * time.Hour, 60 * 24 * time.Hour, 90 * 24 * time.Hour}

// govern compares, for each app, how many checks are wished with how many its budget lets through, and stretches the
// intervals to fit. One process computes it once a minute; all take it over.
func (s *Service) govern(ctx context.Context) error {
	if s.rates.SupplierPerSecond > 0 {
		if err := s.computeStretch(ctx); err != nil {
			return err
		}
	}
	return s.takeStretch(ctx)
}

func (s *Service) computeStretch(ctx context.Context) error {
	// The row of Waybill's own app is the lock: whoever moves its time computes.
	var mine []string
	err := s.db.Read(ctx).Raw(`INSERT INTO check_stretch AS c (app_key, stretch, demand, capacity, computed_at) VALUES ('', 1, 0, 0, now())
		ON CONFLICT (app_key) DO UPDATE SET computed_at = now() WHERE c.computed_at < now() - make_interval(secs => ?) RETURNING app_key`, s.pace.Every(governEvery).Seconds()).Scan(&mine).Error
	if err != nil || len(mine) == 0 {
		return database.Err(err)
	}
	var rows []demandRow
	err = s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT c.app_key, s.stage, width_bucket(extract(epoch FROM now() - coalesce(s.placed_at, s.created_at))::float8, ?::float8[]) AS age, count(*) AS n
		FROM supplier_orders s JOIN connections c ON c.merchant_id = s.merchant_id AND c.id = s.account_id AND c.state = 'active'
		WHERE s.state = 'placed' AND s.stage IN ('unpaid', 'paid', 'shipped') GROUP BY 1, 2, 3`, floats(ages)).Scan(&rows).Error
	})
	if err != nil {
		return err
	}
	demand := map[string]float64{"": 0}
	now := time.Now()
	for _, r := range rows {
		demand[r.AppKey] += float64(r.N) / s.pace.Every(models.WishedCheckEvery(example(r, now), now)).Seconds()
	}
	capacity := s.rates.SupplierPerSecond * (1 - budgets.Reserved) * headroom
	for app, wished := range demand {
		err := s.db.Read(ctx).Exec(`INSERT INTO check_stretch (app_key, stretch, demand, capacity, computed_at) VALUES (?, ?, ?, ?, now())
			ON CONFLICT (app_key) DO UPDATE SET stretch = excluded.stretch, demand = excluded.demand, capacity = excluded.capacity, computed_at = excluded.computed_at`,
			app, max(1, wished/capacity), wished, capacity).Error
		if err != nil {
			return database.Err(err)
		}
	}
	return nil
}

// example is a supplier order as those that a row counts.
func example(r demandRow, now time.Time) models.SupplierOrder {
	age := time.Duration(0)
	if r.Age > 0 {
		age = ages[r.Age-1] + time.Minute
	}
	placed := now.Add(-age)
	so := models.SupplierOrder{State: models.PlacementPlaced, Stage: r.Stage, PlacedAt: &placed}
	if r.Stage == models.StageShipped && age < 10*24*time.Hour {
		so.ShippedAt = &now
	}
	return so
}

func (s *Service) takeStretch(ctx context.Context) error {
	var rows []struct {
		ID      models.ID // of a connection with an app of its own; empty for the shared one
		Stretch float64
	}
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT coalesce(c.id::text, '') AS id, t.stretch FROM check_stretch t LEFT JOIN connections c ON c.app_key = t.app_key AND t.app_key <> ''`).Scan(&rows).Error
	})
	if err != nil {
		return err
	}
	stretch := orders.Stretch{Shared: 1, ByAccount: map[models.ID]float64{}}
	for _, r := range rows {
		if r.ID == "" {
			stretch.Shared = r.Stretch
		} else {
			stretch.ByAccount[r.ID] = r.Stretch
		}
	}
	s.orders.SetStretch(stretch)
	return nil
}

// floats is a list of durations in seconds as PostgreSQL reads it.
func floats(list []time.Duration) string {
	texts := make([]string, len(list))
	for i, d := range list {
		texts[i] = strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
	}
	return "{" + strings.Join(texts, ",") + "}"
}
