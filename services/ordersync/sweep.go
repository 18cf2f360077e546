package ordersync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/feed"
	"waybill/services/idempotency"
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
	began := time.Now()
	query := models.StoreQuery{UpdatedSince: began.Add(-s.backFill)}
	if c.Watermark != nil {
		query.UpdatedSince = c.Watermark.Add(-sweepOverlap)
	}
	for cursor := ""; ; {
		page, err := s.searchStore(ctx, c, models.PurposeBackground, query, cursor)
		if err != nil {
			return err
		}
		if _, err := s.takePage(ctx, c, page, orders.By{Actor: models.ActorSystem, Source: models.SourceSweep}); err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		cursor = page.Next
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec(`UPDATE connections SET next_sweep_at = clock_timestamp() + make_interval(secs => ?), swept_at = greatest(swept_at, ?)
		WHERE merchant_id = ? AND id = ? AND state = 'active'`, s.pace.Every(sweepEvery).Seconds(), began, m, connection).Error
	})
}

// searchStore reads one page of a store's orders, and says which of them could not be understood.
func (s *Service) searchStore(ctx context.Context, c models.Connection, why models.Purpose, q models.StoreQuery, cursor string) (models.StorePage, error) {
	page, err := call(ctx, s, c.MerchantID, c.ID, why, func(a models.Access) (models.StorePage, error) { return s.store.Search(ctx, a, q, cursor) })
	for _, what := range page.Unreadable {
		s.count("sweep", "unreadable_order")
		s.log.Error("an order of a store cannot be read", "merchant_id", c.MerchantID, "connection_id", c.ID, "why", what)
	}
	return page, err
}

// takePage lets a page of orders in, each in a transaction of its own: an order is locked no longer than it needs. The watermark
// moves with it.
func (s *Service) takePage(ctx context.Context, c models.Connection, page models.StorePage, by orders.By) (map[string]orders.Changes, error) {
	newest, taken := time.Time{}, map[string]orders.Changes{}
	for _, snapshot := range page.Orders {
		changes, err := s.take(ctx, c.MerchantID, c.ID, by, snapshot)
		if err != nil {
			return taken, fmt.Errorf("take order %s: %w", snapshot.ExternalID, err)
		}
		taken[snapshot.ExternalID] = changes
		if snapshot.UpdatedAt.After(newest) {
			newest = snapshot.UpdatedAt
		}
	}
	if newest.IsZero() || by.Source != models.SourceSweep {
		return taken, nil
	}
	return taken, s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE connections SET watermark = greatest(watermark, ?) WHERE merchant_id = ? AND id = ?", newest, c.MerchantID, c.ID).Error
	})
}

// Sweeper wakes what is due: orders, sweeps of stores, tokens, schedules, and work whose jobs were lost. Every working process
// runs one; the claims keep them from doing anything twice. It reads across merchants and writes within one (design.md section 5).
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
		if healthy && n%tidyEvery == 0 {
			if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("tidy up", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidyEvery is after how many ticks what is no longer kept is removed: about every ten minutes.
const tidyEvery = 600

// tidy removes changes, answers and measurements that are no longer kept, a bounded number at a time.
func (s *Service) tidy(ctx context.Context) error {
	var merchants []models.MerchantID
	if err := s.db.Read(ctx).Raw("SELECT id FROM merchants ORDER BY id").Scan(&merchants).Error; err != nil {
		return database.Err(err)
	}
	for _, m := range merchants {
		if err := errors.Join(feed.Forget(ctx, s.db, m), idempotency.Forget(ctx, s.db, m), s.health.Forget(ctx, m)); err != nil {
			return err
		}
	}
	return errors.Join(s.checkForgotten(ctx), idempotency.ForgetOfPeople(ctx, s.db), s.budgets.Forget(ctx))
}

// checkForgotten makes open orders due of which nobody knows when they are checked next. Whoever writes an order writes that too, but for a process of a
// release from before there was order_checks, which may still run while this one begins to.
func (s *Service) checkForgotten(ctx context.Context) error {
	const atOnce = 10_000
	forgotten, err := s.dueRows(ctx, `SELECT o.merchant_id, o.id FROM orders o WHERE NOT o.final
		AND NOT EXISTS (SELECT 1 FROM order_checks c WHERE c.merchant_id = o.merchant_id AND c.order_id = o.id) ORDER BY o.merchant_id, o.id LIMIT ?`, atOnce)
	if err != nil {
		return err
	}
	return s.eachMerchant(ctx, forgotten, func(tx database.Tx, m models.MerchantID, ids []models.ID) error {
		return tx.Exec(`INSERT INTO order_checks (merchant_id, order_id, due_at) SELECT merchant_id, id, now() FROM orders WHERE merchant_id = ? AND id IN ? AND NOT final ON CONFLICT DO NOTHING`, m, ids).Error
	})
}

const (
	wakePerMerchant = 50
	wakeAhead       = 20 * time.Second // of the budget's pace that checks may wait in the queue
	wakeUnpaced     = 2000             // checks that may wait where there is no pace
	checkLease      = 2 * time.Minute  // a job's longest life: a check whose process is paused is done by another then
)

// wake adds the jobs of what is due; with lost also what costs more to look for.
func (s *Service) wake(ctx context.Context, lost bool) error {
	if err := s.wakeOrders(ctx); err != nil {
		return err
	}
	for _, d := range []due{dueSweeps, dueTokens, dueWarnings} {
		if err := s.wakeDue(ctx, d, wakePerMerchant, wakePerMerchant); err != nil {
			return err
		}
	}
	if err := s.wakeSchedules(ctx); err != nil {
		return err
	}
	if !lost {
		return nil
	}
	if err := s.govern(ctx); err != nil {
		return err
	}
	return s.wakeLost(ctx)
}

// wakeOrders adds checks of due orders, no more than the budget lets through soon: what waits in the queue is served in its
// order, so a merchant with many due orders must not fill it (I15).
func (s *Service) wakeOrders(ctx context.Context) error {
	waiting, err := s.db.WaitingIn(ctx, QueueBackground)
	if err != nil {
		return err
	}
	room := wakeUnpaced
	if s.rates.SupplierPerSecond > 0 {
		room = max(10, int(s.rates.SupplierPerSecond*wakeAhead.Seconds()))
	}
	if room -= waiting; room <= 0 {
		return nil
	}
	return s.wakeDue(ctx, dueOrders, room, room)
}

type dueRow struct {
	MerchantID models.MerchantID
	ID         models.ID
}

// due is a kind of row that has a time at which it wants a job. The queries say now() and not clock_timestamp(), which changes
// while a query runs: an index cannot be searched by it.
type due struct {
	find  string // (how many) -> merchant_id, id, by merchant
	claim string // (lease in seconds, merchant, merchant, ids) -> id: moves the time on, so that nobody else takes the row
	lease time.Duration
	job   func(models.MerchantID, models.ID) river.JobArgs
}

var (
	dueOrders = due{
		find: `SELECT m.id AS merchant_id, o.id FROM merchants m CROSS JOIN LATERAL (
			SELECT order_id AS id FROM order_checks WHERE merchant_id = m.id AND due_at <= now() ORDER BY due_at
			LIMIT greatest(50, ? / (SELECT greatest(count(*), 1) FROM merchants b WHERE EXISTS (SELECT 1 FROM order_checks WHERE merchant_id = b.id AND due_at <= now())))) o ORDER BY m.id`,
		claim: `UPDATE order_checks SET due_at = clock_timestamp() + make_interval(secs => ?) WHERE merchant_id = ? AND order_id IN (
			SELECT order_id FROM order_checks WHERE merchant_id = ? AND order_id IN ? AND due_at <= now() FOR UPDATE SKIP LOCKED) RETURNING order_id AS id`,
		lease: checkLease,
		job:   func(m models.MerchantID, id models.ID) river.JobArgs { return CheckArgs{m, id} },
	}
	dueSweeps   = dueConnections("next_sweep_at", sweepLease, func(m models.MerchantID, id models.ID) river.JobArgs { return SweepArgs{m, id} })
	dueTokens   = dueConnections("token_renew_at", 10*time.Minute, func(m models.MerchantID, id models.ID) river.JobArgs { return RenewArgs{m, id} })
	dueWarnings = dueConnections("next_warning_at", 10*time.Minute, func(m models.MerchantID, id models.ID) river.JobArgs { return WarnArgs{m, id} })
)

// dueConnections is a kind of connection's time, by its column.
func dueConnections(column string, lease time.Duration, job func(models.MerchantID, models.ID) river.JobArgs) due {
	return due{
		find: fmt.Sprintf(`SELECT m.id AS merchant_id, c.id FROM merchants m CROSS JOIN LATERAL (
			SELECT id FROM connections WHERE merchant_id = m.id AND %[1]s <= now() ORDER BY %[1]s LIMIT ?) c ORDER BY m.id`, column),
		claim: fmt.Sprintf(`UPDATE connections SET %[1]s = clock_timestamp() + make_interval(secs => ?) WHERE merchant_id = ? AND id IN (
			SELECT id FROM connections WHERE merchant_id = ? AND id IN ? AND %[1]s <= now() FOR UPDATE SKIP LOCKED) RETURNING id`, column),
		lease: lease, job: job,
	}
}

// wakeDue claims due rows, of which it finds so many, and adds their jobs: at most room of them, dealt out to the merchants one
// by one.
func (s *Service) wakeDue(ctx context.Context, d due, find, room int) error {
	rows, err := s.dueRows(ctx, d.find, find)
	if err != nil {
		return err
	}
	return s.eachMerchant(ctx, deal(rows, room), func(tx database.Tx, m models.MerchantID, ids []models.ID) error {
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

// deal takes rows from each merchant in turn until there is no more room, and gives them by merchant again, the merchants with
// the fewest first: the queue is served in its order, and few are soon through. rows are sorted by merchant.
func deal(rows []dueRow, room int) []dueRow {
	var starts []int
	for i, r := range rows {
		if i == 0 || r.MerchantID != rows[i-1].MerchantID {
			starts = append(starts, i)
		}
	}
	// Where there is less room than merchants, another one comes first each time.
	first := int(time.Now().Unix()) % max(len(starts), 1)
	taken := make([]int, len(starts))
	for progress := true; room > 0 && progress; {
		progress = false
		for k := range starts {
			i := (first + k) % len(starts)
			end := len(rows)
			if i+1 < len(starts) {
				end = starts[i+1]
			}
			if starts[i]+taken[i] < end && room > 0 {
				taken[i]++
				room--
				progress = true
			}
		}
	}
	order := make([]int, len(starts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return taken[a] - taken[b] })
	var out []dueRow
	for _, i := range order {
		out = append(out, rows[starts[i]:starts[i]+taken[i]]...)
	}
	return out
}

// wakeSchedules starts the full sweeps whose hour has struck: twice a day everything open is looked at, whatever else happened.
// A run that was missed is caught up once. A merchant that has none yet gets its first.
func (s *Service) wakeSchedules(ctx context.Context) error {
	var due []models.Merchant
	err := s.db.Read(ctx).Where("next_full_sweep_at IS NULL OR next_full_sweep_at <= now()").Order("id").Limit(wakePerMerchant).Find(&due).Error
	if err != nil {
		return database.Err(err)
	}
	for _, merchant := range due {
		if err := s.fullSweep(ctx, merchant); err != nil {
			return err
		}
	}
	return nil
}

// never is when a schedule without hours strikes.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Service) fullSweep(ctx context.Context, merchant models.Merchant) error {
	zone, err := time.LoadLocation(merchant.Zone)
	if err != nil {
		zone = time.UTC
	}
	return s.db.Of(merchant.ID).InTx(ctx, func(tx database.Tx) error {
		next := models.NextRun(merchant.Settings.OrDefaults().FullSweeps, zone, tx.Now)
		if next == nil {
			next = &never
		}
		res := tx.Exec("UPDATE merchants SET next_full_sweep_at = ? WHERE id = ? AND next_full_sweep_at IS NOT DISTINCT FROM ?", next, merchant.ID, merchant.NextFullSweepAt)
		if res.Error != nil || res.RowsAffected == 0 || merchant.NextFullSweepAt == nil {
			return res.Error // taken by another process, or only now scheduled
		}
		reason := "Full sweep of " + merchant.NextFullSweepAt.In(zone).Format("15:04") + " " + merchant.Zone + "."
		_, _, err := s.request(tx, merchant.ID, SyncRequest{
			Scope: models.SyncScope{Kind: models.ScopeAll}, Direction: models.AllWays, Actor: models.ActorSystem, Reason: reason, automatic: true,
		})
		return err
	})
}

// wakeLost adds the jobs again of messages, sync jobs and digests that nobody works on. Adding one that is under way does nothing.
func (s *Service) wakeLost(ctx context.Context) error {
	var messages []ReceiveArgs
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT m.id AS merchant_id, i.platform, i.event_id FROM merchants m CROSS JOIN LATERAL (
		SELECT platform, event_id FROM inbox WHERE merchant_id = m.id AND done_at IS NULL AND died_at IS NULL AND received_at < now() - interval '1 minute' ORDER BY received_at LIMIT ?) i`,
			wakePerMerchant).Scan(&messages).Error
	})
	if err != nil {
		return err
	}
	for _, a := range messages {
		if err := s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error { return tx.Enqueue(a) }); err != nil {
			return err
		}
	}
	undigested, err := s.dueRows(ctx, `SELECT m.id AS merchant_id, o.id FROM merchants m CROSS JOIN LATERAL (
		SELECT id FROM orders WHERE merchant_id = m.id AND digest IS NULL LIMIT 1) o ORDER BY m.id LIMIT ?`, wakePerMerchant)
	if err != nil {
		return err
	}
	err = s.eachMerchant(ctx, undigested, func(tx database.Tx, m models.MerchantID, _ []models.ID) error { return tx.Enqueue(DigestArgs{m}) })
	if err != nil {
		return err
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
	err = s.db.Across(ctx, func(q *gorm.DB) error { return q.Raw(query, limit).Scan(&rows).Error })
	return rows, err
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
		if err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error { return do(tx, m, ids) }); err != nil {
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
