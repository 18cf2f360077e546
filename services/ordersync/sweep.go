package ordersync

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

const (
	// Search answers late about fresh changes (wix.md 2.2), so each sweep looks back this much further than it must.
	sweepOverlap = 10 * time.Minute
	sweepEvery   = 15 * time.Minute
	// A sweep that is claimed and dies is due again after this.
	sweepLease = 5 * time.Minute
)

// sweep searches a store by time of change for what no webhook told. The watermark moves when a page is stored, never before,
// and only ever to the newest change seen; a sweep that is cut off goes on from there.
func (s *Service) sweep(ctx context.Context, m models.MerchantID, connection models.ID) error {
	c, err := s.accounts.Connection(ctx, m, connection)
	if err != nil {
		return err
	}
	if err := s.adopt(ctx, c); err != nil || c.State != models.ConnectionActive || c.Platform != models.Wix {
		return err
	}
	since := time.Now().Add(-s.backFill)
	if c.Watermark != nil {
		since = c.Watermark.Add(-sweepOverlap)
	}
	for cursor := ""; ; {
		page, err := call(ctx, s, m, connection, models.PurposeBackground, func(a models.Access) (models.StorePage, error) { return s.store.Search(ctx, a, since, cursor) })
		if err != nil {
			return err
		}
		for _, why := range page.Unreadable {
			s.count("sweep", "unreadable_order")
			s.log.Error("an order of a store cannot be read", "merchant_id", m, "connection_id", connection, "why", why)
		}
		if err := s.takePage(ctx, c, page); err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		cursor = page.Next
	}
	return database.Err(s.db.Read(ctx).Exec("UPDATE connections SET next_sweep_at = clock_timestamp() + make_interval(secs => ?) WHERE merchant_id = ? AND id = ? AND state = 'active'",
		s.pace.Every(sweepEvery).Seconds(), m, connection).Error)
}

// takePage lets a page of orders in, each in a transaction of its own: an order is locked no longer than it needs.
func (s *Service) takePage(ctx context.Context, c models.Connection, page models.StorePage) error {
	newest := time.Time{}
	for _, snapshot := range page.Orders {
		if _, err := s.take(ctx, c.MerchantID, c.ID, orders.By{Actor: models.ActorSystem, Source: models.SourceSweep}, snapshot); err != nil {
			return fmt.Errorf("take order %s: %w", snapshot.ExternalID, err)
		}
		if snapshot.UpdatedAt.After(newest) {
			newest = snapshot.UpdatedAt
		}
	}
	if newest.IsZero() {
		return nil
	}
	return database.Err(s.db.Read(ctx).Exec("UPDATE connections SET watermark = greatest(watermark, ?) WHERE merchant_id = ? AND id = ?", newest, c.MerchantID, c.ID).Error)
}

// Sweeper wakes what is due: orders, sweeps of stores, and work whose jobs were lost. Every working process runs one; the
// claims keep them from doing anything twice. It reads across merchants and writes within one (design.md section 5).
func (s *Service) Sweeper(ctx context.Context) {
	tick := time.NewTicker(min(time.Second, s.pace.Every(30*time.Second)))
	defer tick.Stop()
	healthy := true
	for n := 0; ; n++ {
		err := s.wake(ctx, n%30 == 0 || !healthy)
		if err != nil && ctx.Err() == nil && healthy {
			s.log.Error("wake what is due", "error", err)
		}
		if err == nil && !healthy {
			s.log.Info("the sweeper works again")
			// After an outage every store is swept at once: its webhooks may have met a closed door.
			err = s.sweepAllNow(ctx)
		}
		healthy = err == nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const (
	wakePerMerchant = 50
	wakeBelow       = 2000 // jobs waiting; above it nothing is added
	checkLease      = 3 * time.Minute
)

func (s *Service) wake(ctx context.Context, lost bool) error {
	waiting, _, err := s.db.Waiting(ctx)
	if err != nil || waiting > wakeBelow {
		return err
	}
	if err := s.wakeDue(ctx, dueOrders); err != nil {
		return err
	}
	if err := s.wakeDue(ctx, dueSweeps); err != nil {
		return err
	}
	if !lost {
		return nil
	}
	return s.wakeLost(ctx)
}

type dueRow struct {
	MerchantID models.MerchantID
	ID         models.ID
}

// due is a kind of row that has a time at which it wants a job. Merchants each get a share of what is woken, so that one
// with many rows does not starve the others. The queries say now() and not clock_timestamp(), which changes while a query
// runs: an index cannot be searched by it.
type due struct {
	find  string // (limit) -> merchant_id, id
	claim string // (lease in seconds, merchant, merchant, ids) -> id: moves the time on, so that nobody else takes the row
	lease time.Duration
	job   func(models.MerchantID, models.ID) river.JobArgs
}

var (
	dueOrders = due{
		find: `SELECT m.id AS merchant_id, o.id FROM merchants m CROSS JOIN LATERAL (
			SELECT id FROM orders WHERE merchant_id = m.id AND next_check_at <= now() ORDER BY next_check_at LIMIT ?) o ORDER BY m.id`,
		claim: `UPDATE orders SET next_check_at = clock_timestamp() + make_interval(secs => ?) WHERE merchant_id = ? AND id IN (
			SELECT id FROM orders WHERE merchant_id = ? AND id IN ? AND next_check_at <= now() FOR UPDATE SKIP LOCKED) RETURNING id`,
		lease: checkLease,
		job:   func(m models.MerchantID, id models.ID) river.JobArgs { return CheckArgs{m, id} },
	}
	dueSweeps = due{
		find: `SELECT m.id AS merchant_id, c.id FROM merchants m CROSS JOIN LATERAL (
			SELECT id FROM connections WHERE merchant_id = m.id AND next_sweep_at <= now() ORDER BY next_sweep_at LIMIT ?) c ORDER BY m.id`,
		claim: `UPDATE connections SET next_sweep_at = clock_timestamp() + make_interval(secs => ?) WHERE merchant_id = ? AND id IN (
			SELECT id FROM connections WHERE merchant_id = ? AND id IN ? AND next_sweep_at <= now() FOR UPDATE SKIP LOCKED) RETURNING id`,
		lease: sweepLease,
		job:   func(m models.MerchantID, id models.ID) river.JobArgs { return SweepArgs{m, id} },
	}
)

func (s *Service) wakeDue(ctx context.Context, d due) error {
	rows, err := s.dueRows(ctx, d.find, wakePerMerchant)
	if err != nil {
		return err
	}
	return s.eachMerchant(ctx, rows, func(tx database.Tx, m models.MerchantID, ids []models.ID) error {
		var claimed []models.ID
		if err := tx.Raw(d.claim, d.lease.Seconds(), m, m, ids).Scan(&claimed).Error; err != nil {
			return err
		}
		jobs := make([]river.JobArgs, len(claimed))
		for i, id := range claimed {
			jobs[i] = d.job(m, id)
		}
		return tx.EnqueueMany(jobs)
	})
}

// wakeLost adds the jobs again of messages and sync jobs that nobody works on. Adding one that is under way does nothing.
func (s *Service) wakeLost(ctx context.Context) error {
	var messages []ReceiveArgs
	err := s.db.Read(ctx).Raw(`SELECT m.id AS merchant_id, i.platform, i.event_id FROM merchants m CROSS JOIN LATERAL (
		SELECT platform, event_id FROM inbox WHERE merchant_id = m.id AND done_at IS NULL AND received_at < now() - interval '1 minute' ORDER BY received_at LIMIT ?) i`,
		wakePerMerchant).Scan(&messages).Error
	if err != nil {
		return database.Err(err)
	}
	for _, a := range messages {
		if err := s.db.InTx(ctx, func(tx database.Tx) error { return tx.Enqueue(a) }); err != nil {
			return err
		}
	}
	rows, err := s.dueRows(ctx, `SELECT m.id AS merchant_id, j.id FROM merchants m CROSS JOIN LATERAL (
		SELECT id FROM sync_jobs WHERE merchant_id = m.id AND state IN ('queued', 'running') LIMIT ?) j ORDER BY m.id`, wakePerMerchant)
	if err != nil {
		return err
	}
	return s.eachMerchant(ctx, rows, func(tx database.Tx, m models.MerchantID, ids []models.ID) error {
		for _, id := range ids {
			if err := tx.Enqueue(SyncArgs{m, id}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) dueRows(ctx context.Context, query string, limit int) (rows []dueRow, err error) {
	err = s.db.Read(ctx).Raw(query, limit).Scan(&rows).Error
	return rows, database.Err(err)
}

func (s *Service) eachMerchant(ctx context.Context, rows []dueRow, do func(database.Tx, models.MerchantID, []models.ID) error) error {
	for len(rows) > 0 {
		m, n := rows[0].MerchantID, 0
		var ids []models.ID
		for n < len(rows) && rows[n].MerchantID == m {
			ids = append(ids, rows[n].ID)
			n++
		}
		rows = rows[n:]
		if err := s.db.InTx(ctx, func(tx database.Tx) error { return do(tx, m, ids) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) sweepAllNow(ctx context.Context) error {
	rows, err := s.dueRows(ctx, `SELECT m.id AS merchant_id, c.id FROM merchants m CROSS JOIN LATERAL (
		SELECT id FROM connections WHERE merchant_id = m.id AND next_sweep_at IS NOT NULL LIMIT ?) c ORDER BY m.id`, 1000)
	if err != nil {
		return err
	}
	return s.eachMerchant(ctx, rows, func(tx database.Tx, m models.MerchantID, ids []models.ID) error {
		return tx.Exec("UPDATE connections SET next_sweep_at = clock_timestamp() WHERE merchant_id = ? AND id IN ? AND next_sweep_at IS NOT NULL", m, ids).Error
	})
}
