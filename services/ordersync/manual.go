package ordersync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// SyncRequest asks for a sync job.
type SyncRequest struct {
	Scope     models.SyncScope
	Direction models.Direction
	Actor     models.Actor
	Reason    string
}

// Request starts a sync job, or joins the equal one that is under way. Unknown ids in the scope are an error before
// anything is written.
func (s *Service) Request(ctx context.Context, m models.MerchantID, r SyncRequest) (job models.SyncJob, joined bool, err error) {
	slices.Sort(r.Scope.IDs)
	r.Scope.IDs = slices.Compact(r.Scope.IDs)
	if err := s.knownScope(ctx, m, r.Scope); err != nil {
		return job, false, err
	}
	key := scopeKey(r)
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		job = models.SyncJob{
			MerchantID: m, ID: database.NewID(), Scope: r.Scope, ScopeKey: key, Direction: r.Direction, Trigger: "manual",
			Actor: r.Actor, Reason: r.Reason, State: models.SyncQueued, CreatedAt: tx.Now,
		}
		res := tx.Clauses(clause.OnConflict{
			Columns:     []clause.Column{{Name: "merchant_id"}, {Name: "scope_key"}},
			TargetWhere: clause.Where{Exprs: []clause.Expression{gorm.Expr("state IN ('queued', 'running')")}}, DoNothing: true,
		}).Create(&job)
		if res.Error != nil {
			return fmt.Errorf("add sync job: %w", res.Error)
		}
		if res.RowsAffected == 0 {
			joined, job = true, models.SyncJob{} // GORM would look for the new id otherwise
			return tx.Where("merchant_id = ? AND scope_key = ? AND state IN ('queued', 'running')", m, key).Take(&job).Error
		}
		return tx.Enqueue(SyncArgs{m, job.ID})
	})
	return job, joined, err
}

func scopeKey(r SyncRequest) string {
	raw, err := json.Marshal(struct {
		Scope     models.SyncScope
		Direction models.Direction
	}{r.Scope, r.Direction})
	if err != nil {
		panic(err) // plain text fields
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (s *Service) knownScope(ctx context.Context, m models.MerchantID, scope models.SyncScope) error {
	if scope.Kind == models.ScopeStore {
		c, err := s.accounts.Connection(ctx, m, scope.StoreID)
		if err == nil && c.Platform != models.Wix {
			err = models.Errorf(models.NotFound, "store_not_found", "There is no such store.")
		}
		return err
	}
	if scope.Kind != models.ScopeOrders {
		return nil
	}
	var known []models.ID
	for _, id := range scope.IDs {
		if !database.ValidID(string(id)) {
			return models.Errorf(models.NotFound, "order_not_found", "There is no order %s.", id)
		}
	}
	if err := s.db.Read(ctx).Raw("SELECT id FROM orders WHERE merchant_id = ? AND id IN ?", m, scope.IDs).Scan(&known).Error; err != nil {
		return database.Err(err)
	}
	for _, id := range scope.IDs {
		if !slices.Contains(known, id) {
			return models.Errorf(models.NotFound, "order_not_found", "There is no order %s.", id)
		}
	}
	return nil
}

// Cancel asks a sync job to stop. Orders that are being checked are finished.
func (s *Service) Cancel(ctx context.Context, m models.MerchantID, id models.ID) (job models.SyncJob, err error) {
	if _, err := s.Job(ctx, m, id); err != nil {
		return job, err
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE sync_jobs SET cancel_requested_at = coalesce(cancel_requested_at, ?) WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')", tx.Now, m, id).Error
		if err != nil {
			return err
		}
		return tx.Enqueue(SyncArgs{m, id})
	})
	if err != nil {
		return job, err
	}
	return s.Job(ctx, m, id)
}

// Job reads one sync job.
func (s *Service) Job(ctx context.Context, m models.MerchantID, id models.ID) (job models.SyncJob, err error) {
	if !database.ValidID(string(id)) {
		return job, noJob()
	}
	if err := s.db.Read(ctx).Where("merchant_id = ? AND id = ?", m, id).Limit(1).Find(&job).Error; err != nil {
		return job, fmt.Errorf("read sync job: %w", database.Err(err))
	}
	if job.ID == "" {
		return job, noJob()
	}
	return job, nil
}

func noJob() error {
	return models.Errorf(models.NotFound, "sync_job_not_found", "There is no such sync job.")
}

// Jobs lists sync jobs, newest first, before the one that the cursor names.
func (s *Service) Jobs(ctx context.Context, m models.MerchantID, cursor string, limit int) (jobs []models.SyncJob, next string, err error) {
	q := s.db.Read(ctx).Where("merchant_id = ?", m)
	return database.PageByID(q, "id", database.NewestFirst, cursor, limit, func(j models.SyncJob) models.ID { return j.ID })
}

// Items lists what a sync job did per order, in the order of their ids, after the one that the cursor names.
func (s *Service) Items(ctx context.Context, m models.MerchantID, jobID models.ID, cursor string, limit int) (items []models.SyncJobItem, next string, err error) {
	q := s.db.Read(ctx).Where("merchant_id = ? AND job_id = ?", m, jobID)
	return database.PageByID(q, "order_id", database.OldestFirst, cursor, limit, func(i models.SyncJobItem) models.ID { return i.OrderID })
}

const (
	listPage     = 1000 // orders put on a sync job's list at once
	syncPage     = 40   // orders checked before the job comes back for more
	syncParallel = 8
)

// runSync works on a sync job: it lists a page of the scope's orders, checks a page of those, and comes back until all have
// an outcome. What it has done is in the tables, so a restart goes on where it stopped and memory does not grow.
func (s *Service) runSync(ctx context.Context, m models.MerchantID, id models.ID) error {
	for {
		job, err := s.Job(ctx, m, id)
		if err != nil {
			return err
		}
		if job.State != models.SyncQueued && job.State != models.SyncRunning {
			return nil
		}
		if job.CancelRequestedAt != nil {
			return s.finishSync(ctx, job, models.SyncCancelled)
		}
		if !job.Listed {
			if err := s.listScope(ctx, job); err != nil {
				return err
			}
		}
		more, err := s.syncSome(ctx, job)
		if ctx.Err() != nil { // the job's time is up, or the program stops: it goes on where it is
			e := models.Errorf(models.Unavailable, "sync_goes_on", "The sync goes on in a moment.").Because(ctx.Err())
			e.RetryAfter = time.Second
			return e
		}
		if err != nil {
			return err
		}
		if !more && job.Listed {
			return s.finishSync(ctx, job, models.SyncDone)
		}
	}
}

// listScope puts the next page of the scope's orders on the job's list.
func (s *Service) listScope(ctx context.Context, job models.SyncJob) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		q := tx.Table("orders").Select("id").Where("merchant_id = ?", job.MerchantID)
		switch job.Scope.Kind {
		case models.ScopeOrders:
			q = q.Where("id IN ?", job.Scope.IDs)
		case models.ScopeTab:
			q = q.Where("tab = ?", job.Scope.Tab)
		case models.ScopeStore:
			q = q.Where("store_id = ?", job.Scope.StoreID)
		}
		if job.Scope.Kind != models.ScopeOrders {
			q = q.Where("NOT final") // what can still change; a named order is looked at in any case
		}
		if job.ListCursor != "" {
			q = q.Where("id > ?", job.ListCursor)
		}
		var ids []models.ID
		if err := q.Order("id").Limit(listPage).Scan(&ids).Error; err != nil {
			return fmt.Errorf("list the orders of a sync: %w", err)
		}
		if len(ids) > 0 {
			items := make([]models.SyncJobItem, len(ids))
			for i, id := range ids {
				items[i] = models.SyncJobItem{MerchantID: job.MerchantID, JobID: job.ID, OrderID: id}
			}
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&items).Error; err != nil {
				return fmt.Errorf("list the orders of a sync: %w", err)
			}
			job.ListCursor = string(ids[len(ids)-1])
		}
		return tx.Exec(`UPDATE sync_jobs SET state = 'running', started_at = coalesce(started_at, ?), listed = ?, list_cursor = ?, total = total + ?
			WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')`, tx.Now, len(ids) < listPage, job.ListCursor, len(ids), job.MerchantID, job.ID).Error
	})
}

// syncSome checks the next orders without an outcome.
func (s *Service) syncSome(ctx context.Context, job models.SyncJob) (more bool, err error) {
	var ids []models.ID
	err = s.db.Read(ctx).Raw("SELECT order_id FROM sync_job_items WHERE merchant_id = ? AND job_id = ? AND outcome = '' ORDER BY order_id LIMIT ?", job.MerchantID, job.ID, syncPage).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return false, database.Err(err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(syncParallel)
	for _, id := range ids {
		g.Go(func() error { return s.syncOne(ctx, job, id) })
	}
	return true, g.Wait()
}

func (s *Service) syncOne(ctx context.Context, job models.SyncJob, orderID models.ID) error {
	by := orders.By{Actor: job.Actor, Source: models.SourceManual, Reason: job.Reason}
	if _, err := s.apply(ctx, job.MerchantID, orderID, by, orders.SyncRequested{JobID: job.ID}); err != nil {
		return err
	}
	result, err := s.Check(ctx, job.MerchantID, orderID, CheckOptions{Direction: job.Direction, By: by, Force: true})
	if ctx.Err() != nil {
		return ctx.Err() // not its fault: it is checked again
	}
	if result.Outcome == models.OutcomeNone {
		result.Outcome, result.Why = models.OutcomeUnreachable, models.AsError(err).Detail
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`UPDATE sync_job_items SET outcome = ?, before = ?, after = ?, why = ?, finished_at = ? WHERE merchant_id = ? AND job_id = ? AND order_id = ? AND outcome = ''`,
			result.Outcome, result.Before, result.After, result.Why, tx.Now, job.MerchantID, job.ID, orderID)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		column := string(result.Outcome) // one of four words of ours
		return tx.Exec("UPDATE sync_jobs SET "+column+" = "+column+" + 1 WHERE merchant_id = ? AND id = ?", job.MerchantID, job.ID).Error
	})
}

func (s *Service) finishSync(ctx context.Context, job models.SyncJob, state models.SyncJobState) error {
	return database.Err(s.db.Read(ctx).Exec("UPDATE sync_jobs SET state = ?, finished_at = clock_timestamp() WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')",
		state, job.MerchantID, job.ID).Error)
}
