package ordersync

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/health"
)

// HistoryRange is how far back a history looks.
type HistoryRange string

// The ranges: by the hour, and by the merchant's day.
const (
	LastDay   HistoryRange = "24h"
	LastMonth HistoryRange = "30d"
)

// HistoryPoint is how syncing went from At until the next point.
type HistoryPoint struct {
	At time.Time
	health.Span
	Calls *int64 // nil over a month: the use of budgets is kept for a week
	Runs  *Runs  // nil for one connection: a run is about orders
}

// Runs are the sync runs that were asked for in a time, automatic ones too.
type Runs struct {
	Checked, Changed, Failed int64 // orders
}

// History is how a merchant's syncing went, or that over one connection, oldest first and up to now. Every point is there, whether anything happened or not.
func (s *Service) History(ctx context.Context, m models.MerchantID, r HistoryRange, connection models.ID) ([]HistoryPoint, error) {
	var list []models.Connection
	var err error
	if connection == "" {
		list, err = s.accounts.Connections(ctx, m)
	} else {
		list = make([]models.Connection, 1)
		list[0], err = s.accounts.Connection(ctx, m, connection)
	}
	if err != nil {
		return nil, err
	}
	starts, err := s.starts(ctx, m, r)
	if err != nil {
		return nil, err
	}
	spans, err := s.health.History(ctx, m, connection, starts)
	if err != nil {
		return nil, err
	}
	points := make([]HistoryPoint, len(starts))
	for i, at := range starts {
		points[i] = HistoryPoint{At: at, Span: spans[i]}
	}
	if connection == "" {
		if err := s.runs(ctx, m, starts, points); err != nil {
			return nil, err
		}
	}
	if r == LastMonth {
		return points, nil
	}
	keys := make([]string, len(list))
	for i, c := range list {
		keys[i] = s.budgetOf(c)
	}
	calls, err := s.budgets.Calls(ctx, keys, starts)
	for i := range calls {
		points[i].Calls = &calls[i]
	}
	return points, err
}

// starts are when the points of a history begin.
func (s *Service) starts(ctx context.Context, m models.MerchantID, r HistoryRange) ([]time.Time, error) {
	merchant, err := s.accounts.Merchant(ctx, m)
	if err != nil {
		return nil, err
	}
	var now time.Time
	if err := s.db.Read(ctx).Raw("SELECT now()").Row().Scan(&now); err != nil {
		return nil, database.Err(err)
	}
	var starts []time.Time
	if r == LastDay {
		for i := range 24 {
			starts = append(starts, now.Truncate(time.Hour).Add(time.Duration(i-23)*time.Hour))
		}
		return starts, nil
	}
	zone, err := time.LoadLocation(merchant.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone of merchant %s: %w", m, err)
	}
	today := now.In(zone)
	for i := range 30 {
		starts = append(starts, time.Date(today.Year(), today.Month(), today.Day()+i-29, 0, 0, 0, 0, zone))
	}
	return starts, nil
}

// runs adds up what the sync runs did. Their ids grow with time, so that only the runs of that time are read.
func (s *Service) runs(ctx context.Context, m models.MerchantID, starts []time.Time, points []HistoryPoint) error {
	const clocksDiffer = time.Hour
	var rows []struct {
		Span int
		Runs
	}
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT width_bucket(created_at, CAST(@starts AS timestamptz[])) AS span, sum(changed + unchanged + refused + unreachable) AS checked, sum(changed) AS changed,
		sum(refused + unreachable) AS failed FROM sync_jobs WHERE merchant_id = @m AND id >= @id AND created_at >= @first GROUP BY 1`,
			map[string]any{"m": m, "starts": database.Times(starts), "first": starts[0], "id": database.IDBefore(starts[0].Add(-clocksDiffer))}).Scan(&rows).Error
	})
	if err != nil {
		return fmt.Errorf("read the history of sync runs: %w", err)
	}
	for i := range points {
		points[i].Runs = &Runs{}
	}
	for _, row := range rows {
		*points[row.Span-1].Runs = row.Runs
	}
	return nil
}
