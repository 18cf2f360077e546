package ordersync

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/budgets"
	"waybill/services/database"
	"waybill/services/health"
)

// Health is how fresh a merchant's orders are kept: per connection and hop, what waits, and what runs next.
type Health struct {
	Connections     []ConnectionHealth
	Queue           QueueHealth
	NextFullSweepAt *time.Time
	LastFullSweepAt *time.Time
	Notes           []string // what a person should know, one sentence each
}

// ConnectionHealth is the health of one connection.
type ConnectionHealth struct {
	models.Connection
	Lags   []health.HopLag
	Errors []health.ErrorCount
	Budget budgets.Use
	// PerHour is how many calls the budget allows in an hour; 0 for no limit of ours.
	PerHour float64
	// Stretch is by how much the budget makes checks slower than wished; 1 is as wished. Of supplier accounts.
	Stretch    float64
	OpenOrders int64 // open supplier orders of a supplier account
}

// QueueHealth is what waits.
type QueueHealth struct {
	DueOrders         int64 // orders whose check is due; counted up to countDue
	OldestDueAt       *time.Time
	Messages          int64 // received and not yet worked
	OldestMessageAt   *time.Time
	Pushes            int64 // parcels that their store has not confirmed
	OldestPushAt      *time.Time
	UnknownPlacements int64
	DeadLetters       int64
}

const countDue = 10_000

// Health reads how a merchant's syncing goes.
func (s *Service) Health(ctx context.Context, m models.MerchantID) (h Health, err error) {
	list, err := s.accounts.Connections(ctx, m)
	if err != nil {
		return h, err
	}
	lags, err := s.health.Lags(ctx, m)
	if err != nil {
		return h, err
	}
	failures, err := s.health.Errors(ctx, m)
	if err != nil {
		return h, err
	}
	keys := make([]string, len(list))
	for i, c := range list {
		keys[i] = s.budgetOf(c)
	}
	used, err := s.budgets.Used(ctx, keys)
	if err != nil {
		return h, err
	}
	open, err := s.openByAccount(ctx, m)
	if err != nil {
		return h, err
	}
	stretches, err := s.stretches(ctx)
	if err != nil {
		return h, err
	}
	for i, c := range list {
		ch := ConnectionHealth{
			Connection: c, Lags: lags[c.ID], Errors: failures[c.ID], Budget: used[keys[i]], PerHour: s.rates.StorePerSecond * 3600, Stretch: 1, OpenOrders: open[c.ID],
		}
		if c.Platform == models.AliExpress {
			ch.PerHour, ch.Stretch = s.rates.SupplierPerSecond*3600, max(1, stretches[c.AppKey])
		}
		h.Connections = append(h.Connections, ch)
		h.Notes = append(h.Notes, notes(ch)...)
	}
	if h.Queue, err = s.queueHealth(ctx, m); err != nil {
		return h, err
	}
	merchant, err := s.accounts.Merchant(ctx, m)
	if err != nil {
		return h, err
	}
	if next := merchant.NextFullSweepAt; next != nil && next.Before(never) {
		h.NextFullSweepAt = next
	}
	var last []time.Time
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT created_at FROM sync_jobs WHERE merchant_id = ? AND trigger = 'automatic' ORDER BY id DESC LIMIT 1", m).Scan(&last).Error
	})
	if len(last) == 1 {
		h.LastFullSweepAt = &last[0]
	}
	return h, database.Err(err)
}

// notes says what about a connection a person should know.
func notes(c ConnectionHealth) []string {
	var out []string
	if c.State == models.ConnectionNeedsReauth {
		out = append(out, fmt.Sprintf("%s has to be connected again; nothing is read or sent there until then.", c.Name))
	}
	if c.State == models.ConnectionRemoved {
		out = append(out, fmt.Sprintf("Waybill is no longer connected to %s.", c.Name))
	}
	if until := c.Budget.BannedUntil; until != nil {
		out = append(out, fmt.Sprintf("%s takes no calls for %s until %s.", platformName(c.Platform), c.Name, until.UTC().Format("2006-01-02 15:04:05 UTC")))
	}
	if c.Stretch > 1.05 {
		out = append(out, fmt.Sprintf("The call limit of AliExpress makes checks over %s %.1f times slower than wished, for %d open orders.", c.Name, c.Stretch, c.OpenOrders))
	}
	return out
}

func platformName(p models.Platform) string {
	if p == models.Wix {
		return "Wix"
	}
	return "AliExpress"
}

func (s *Service) openByAccount(ctx context.Context, m models.MerchantID) (map[models.ID]int64, error) {
	var rows []struct {
		AccountID models.ID
		N         int64
	}
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT account_id, count(*) AS n FROM supplier_orders WHERE merchant_id = ? AND state = 'placed' AND stage IN ('unpaid', 'paid', 'shipped') GROUP BY 1`, m).Scan(&rows).Error
	})
	open := map[models.ID]int64{}
	for _, r := range rows {
		open[r.AccountID] = r.N
	}
	return open, database.Err(err)
}

// stretches reads by how much each app's checks are slowed down.
func (s *Service) stretches(ctx context.Context) (map[string]float64, error) {
	var rows []struct {
		AppKey  string
		Stretch float64
	}
	err := s.db.Read(ctx).Raw("SELECT app_key, stretch FROM check_stretch").Scan(&rows).Error
	out := map[string]float64{}
	for _, r := range rows {
		out[r.AppKey] = r.Stretch
	}
	return out, database.Err(err)
}

// Gauges are figures over all merchants, for the operator.
type Gauges struct {
	OldestDueSeconds float64 // how long the order that is due longest has been
	UnreadMessages   int64
	OwedPushes       int64
	Unknown          int64 // purchases that may exist
	DeadLetters      int64
	OpenFlags        int64 // of merchants; what the supplier or Waybill is to do closes by itself
	OverdueFlags     int64 // whoever is to do it
	Banned           int64 // budgets under a ban
	BudgetCalls      int64 // in this hour
	BudgetRefused    int64 // in this hour, told to come back later
	Stretch          float64
}

// Gauges reads them. It reads across merchants, as only the scheduler and the operator do.
func (s *Service) Gauges(ctx context.Context) (g Gauges, err error) {
	err = s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT
		coalesce((SELECT extract(epoch FROM now() - min(o.due_at)) FROM merchants m CROSS JOIN LATERAL (
			SELECT due_at FROM order_checks WHERE merchant_id = m.id AND due_at <= now() ORDER BY due_at LIMIT 1) o), 0)::float8 AS oldest_due_seconds,
		(SELECT count(*) FROM inbox WHERE done_at IS NULL AND died_at IS NULL) AS unread_messages,
		(SELECT count(*) FROM pushes WHERE state IN ('waiting', 'sent', 'retrying')) AS owed_pushes,
		(SELECT count(*) FROM supplier_orders WHERE state = 'unknown') AS unknown,
		(SELECT count(*) FROM river_job WHERE state = 'discarded') AS dead_letters,
		(SELECT count(*) FROM flags WHERE closed_at IS NULL AND owner = 'merchant' AND (snoozed_until IS NULL OR snoozed_until <= now())) AS open_flags,
		(SELECT count(*) FROM flags WHERE closed_at IS NULL AND deadline < now() AND (snoozed_until IS NULL OR snoozed_until <= now())) AS overdue_flags,
		(SELECT count(*) FROM platform_budgets WHERE banned_until > now()) AS banned,
		(SELECT coalesce(sum(calls), 0)::bigint FROM budget_use WHERE hour = date_trunc('hour', now())) AS budget_calls,
		(SELECT coalesce(sum(refused), 0)::bigint FROM budget_use WHERE hour = date_trunc('hour', now())) AS budget_refused,
		coalesce((SELECT max(stretch) FROM check_stretch), 1) AS stretch`).Scan(&g).Error
	})
	return g, err
}

func (s *Service) queueHealth(ctx context.Context, m models.MerchantID) (h QueueHealth, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT
		(SELECT count(*) FROM (SELECT 1 FROM order_checks WHERE merchant_id = @m AND due_at <= now() LIMIT @most) d) AS due_orders,
		(SELECT min(due_at) FROM order_checks WHERE merchant_id = @m AND due_at <= now()) AS oldest_due_at,
		(SELECT count(*) FROM (SELECT 1 FROM inbox WHERE merchant_id = @m AND done_at IS NULL AND died_at IS NULL LIMIT @most) i) AS messages,
		(SELECT min(received_at) FROM inbox WHERE merchant_id = @m AND done_at IS NULL AND died_at IS NULL) AS oldest_message_at,
		(SELECT count(*) FROM pushes WHERE merchant_id = @m AND state IN ('waiting', 'sent', 'retrying')) AS pushes,
		(SELECT min(wanted_since) FROM pushes WHERE merchant_id = @m AND state IN ('waiting', 'sent', 'retrying')) AS oldest_push_at,
		(SELECT count(*) FROM supplier_orders WHERE merchant_id = @m AND state = 'unknown') AS unknown_placements,
		(SELECT count(*) FROM river_job WHERE state = 'discarded' AND args->>'merchant_id' = @m) AS dead_letters`,
			map[string]any{"m": m, "most": countDue}).Scan(&h).Error
	})
	if err != nil {
		return h, fmt.Errorf("read what waits: %w", err)
	}
	return h, nil
}
