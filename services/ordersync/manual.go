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
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/feed"
	"waybill/services/orders"
	"waybill/services/outbox"
)

// SyncRequest asks for a sync job.
type SyncRequest struct {
	Scope     models.SyncScope
	Direction models.Direction
	Actor     models.Actor
	Reason    string
	automatic bool
}

// Request starts a sync job, or joins the equal one that is under way. Unknown ids in the scope are an error before
// anything is written.
func (s *Service) Request(ctx context.Context, m models.MerchantID, r SyncRequest) (job models.SyncJob, joined bool, err error) {
	if err := s.knownScope(ctx, m, &r.Scope); err != nil {
		return job, false, err
	}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if job, joined, err = s.request(tx, m, r); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{
			By: r.Actor, What: models.ActSyncRequested, Subject: models.AuditSubject{Kind: models.SubjectSyncJob, ID: job.ID}, Reason: r.Reason,
			Detail: map[string]any{"kind": r.Scope.Kind, "direction": r.Direction, "joined": joined},
		})
	})
	return job, joined, err
}

func (s *Service) request(tx database.Tx, m models.MerchantID, r SyncRequest) (job models.SyncJob, joined bool, err error) {
	key, trigger := scopeKey(r), "manual"
	if r.automatic {
		trigger = "automatic"
	}
	job = models.SyncJob{
		MerchantID: m, ID: database.NewID(), Scope: r.Scope, ScopeKey: key, Direction: r.Direction, Trigger: trigger,
		Actor: r.Actor, Reason: r.Reason, State: models.SyncQueued, CreatedAt: tx.Now,
	}
	res := tx.Clauses(clause.OnConflict{
		Columns:     []clause.Column{{Name: "merchant_id"}, {Name: "scope_key"}},
		TargetWhere: clause.Where{Exprs: []clause.Expression{gorm.Expr("state IN ('queued', 'running')")}}, DoNothing: true,
	}).Create(&job)
	if res.Error != nil {
		return job, false, fmt.Errorf("add sync job: %w", res.Error)
	}
	if res.RowsAffected == 0 {
		job = models.SyncJob{} // GORM would look for the new id otherwise
		return job, true, tx.Where("merchant_id = ? AND scope_key = ? AND state IN ('queued', 'running')", m, key).Take(&job).Error
	}
	if err := tellJob(tx, job); err != nil {
		return job, false, err
	}
	return job, false, tx.Enqueue(SyncArgs{m, job.ID})
}

func tellJob(tx database.Tx, job models.SyncJob) error {
	return feed.Tell(tx, job.MerchantID, feed.SyncJob, job.ID, map[string]any{
		"state": job.State, "trigger": job.Trigger, "total": job.Total, "listed": job.Listed, "done": job.Done(), "changed": job.Changed,
		"unchanged": job.Unchanged, "refused": job.Refused, "unreachable": job.Unreachable,
	})
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

// knownScope brings a scope into one form, so that equal ones are equal, and refuses one that names what the merchant has not.
func (s *Service) knownScope(ctx context.Context, m models.MerchantID, scope *models.SyncScope) error {
	slices.Sort(scope.IDs)
	scope.IDs = slices.Compact(scope.IDs)
	slices.Sort(scope.ExternalIDs)
	scope.ExternalIDs = slices.Compact(scope.ExternalIDs)
	if scope.Kind == models.ScopeRange && emptyRange(scope.PlacedFrom, scope.PlacedTo) {
		return badScope("placed_to", "The range of time is empty.", "must be later than placed_from")
	}
	store := scope.StoreID
	if scope.Kind == models.ScopeFilter {
		if err := knownFilter(scope); err != nil {
			return err
		}
		store = scope.Filter.StoreID
	}
	if store != "" {
		if _, err := s.storeOf(ctx, m, store); err != nil {
			return err
		}
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
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM orders WHERE merchant_id = ? AND id IN ?", m, scope.IDs).Scan(&known).Error
	}); err != nil {
		return err
	}
	for _, id := range scope.IDs {
		if !slices.Contains(known, id) {
			return models.Errorf(models.NotFound, "order_not_found", "There is no order %s.", id)
		}
	}
	return nil
}

func badScope(field, detail, reason string) error {
	e := models.Errorf(models.Invalid, "validation_failed", "%s", detail)
	e.Fields = []models.FieldError{{Pointer: "/scope/" + field, Reason: reason}}
	return e
}

func emptyRange(from, to *time.Time) bool { return from != nil && to != nil && !from.Before(*to) }

// knownFilter brings a filter into one form. The filter of the caller stays as it is.
func knownFilter(scope *models.SyncScope) error {
	f := models.SyncFilter{}
	if scope.Filter != nil {
		f = *scope.Filter
	}
	f.Query = orders.Searched(f.Query)
	switch scope.Filter = &f; {
	case f == models.SyncFilter{}:
		return badScope("filter", "The filter is empty. To sync everything that can still change, ask for kind all.", "must have at least one field")
	case emptyRange(f.PlacedFrom, f.PlacedTo):
		return badScope("filter/placed_to", "The range of time is empty.", "must be later than placed_from")
	}
	return nil
}

func (s *Service) storeOf(ctx context.Context, m models.MerchantID, id models.ID) (models.Connection, error) {
	c, err := s.accounts.Connection(ctx, m, id)
	if err == nil && c.Platform != models.Wix {
		err = models.Errorf(models.NotFound, "store_not_found", "There is no such store.")
	}
	return c, err
}

// Cancel asks a sync job to stop. Orders that are being checked are finished.
func (s *Service) Cancel(ctx context.Context, m models.MerchantID, id models.ID, actor models.Actor) (job models.SyncJob, err error) {
	if _, err := s.Job(ctx, m, id); err != nil {
		return job, err
	}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE sync_jobs SET cancel_requested_at = coalesce(cancel_requested_at, ?) WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')", tx.Now, m, id).Error
		if err != nil {
			return err
		}
		if err := tx.Enqueue(SyncArgs{m, id}); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{By: actor, What: models.ActSyncCancelled, Subject: models.AuditSubject{Kind: models.SubjectSyncJob, ID: id}})
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
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ? AND id = ?", m, id).Limit(1).Find(&job).Error }); err != nil {
		return job, fmt.Errorf("read sync job: %w", err)
	}
	if job.ID == "" {
		return job, noJob()
	}
	return job, nil
}

func noJob() error {
	return models.Errorf(models.NotFound, "sync_job_not_found", "There is no such sync job.")
}

// JobFilter says which sync jobs to list. Zero fields do not filter.
type JobFilter struct {
	State   models.SyncJobState // or ActiveJobs
	Trigger string              // manual, automatic
	Cursor  string
	Limit   int
}

// ActiveJobs asks for the sync jobs that are not over.
const ActiveJobs models.SyncJobState = "active"

// Jobs lists sync jobs, newest first, before the one that the cursor names.
func (s *Service) Jobs(ctx context.Context, m models.MerchantID, f JobFilter) (jobs []models.SyncJob, next string, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) (err error) {
		q = q.Where("merchant_id = ?", m)
		switch f.State {
		case "":
		case ActiveJobs:
			q = q.Where("state IN ('queued', 'running')")
		default:
			q = q.Where("state = ?", f.State)
		}
		if f.Trigger != "" {
			q = q.Where("trigger = ?", f.Trigger)
		}
		jobs, next, err = database.PageByID(q, "id", database.NewestFirst, f.Cursor, f.Limit, func(j models.SyncJob) models.ID { return j.ID })
		return err
	})
	return jobs, next, err
}

// Item is an order of a sync job with what people know it by.
type Item struct {
	models.SyncJobItem
	Number    string
	BuyerName string
}

// Items lists what a sync job did per order, in the order of their ids, after the one that the cursor names. Of an automatic
// job that is over only those orders are kept for which there is something to tell.
func (s *Service) Items(ctx context.Context, m models.MerchantID, jobID models.ID, cursor string, limit int) (items []Item, next string, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) (err error) {
		q = q.Table("sync_job_items AS i").Select("i.*, o.number, o.buyer_name").
			Joins("JOIN orders o ON o.merchant_id = i.merchant_id AND o.id = i.order_id").Where("i.merchant_id = ? AND i.job_id = ?", m, jobID)
		items, next, err = database.PageByID(q, "i.order_id", database.OldestFirst, cursor, limit, func(i Item) models.ID { return i.OrderID })
		return err
	})
	return items, next, err
}

const (
	listPage     = 1000 // orders put on a sync job's list at once
	syncPage     = 100  // orders checked before the job comes back for more; one page of a store's search
	syncParallel = 8
	syncChunk    = 20 // orders after which progress is told and a wish to cancel is seen
	// A sync of no more orders than this is somebody waiting; a larger one takes its turn with the background.
	syncWaitedFor = 50
	// An automatic sync passes over what has been checked so recently.
	syncFresh = 30 * time.Minute
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

// listScope puts the next page of the scope's orders on the job's list. Where the store may have some that are new to us, it
// is asked first.
func (s *Service) listScope(ctx context.Context, job models.SyncJob) error {
	if job.Scope.FromOutside() && job.Direction.Covers(models.FromStore) {
		at, err := s.fetchScope(ctx, job)
		if err != nil || !at.done() {
			return err
		}
	}
	return s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error {
		q := inScope(tx.Table("orders").Select("id"), job.MerchantID, job.Scope)
		if after := idCursor(job.ListCursor); after != "" {
			q = q.Where("id > ?", after)
		}
		var ids []models.ID
		if err := q.Order("id").Limit(listPage).Scan(&ids).Error; err != nil {
			return fmt.Errorf("list the orders of a sync: %w", err)
		}
		if len(ids) > 0 {
			items := make([]models.SyncJobItem, len(ids))
			for i, id := range ids {
				items[i] = models.SyncJobItem{MerchantID: job.MerchantID, JobID: job.ID, OrderID: id, Changes: []string{}}
			}
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&items).Error; err != nil {
				return fmt.Errorf("list the orders of a sync: %w", err)
			}
			job.ListCursor = string(ids[len(ids)-1])
		}
		job.State, job.Listed = models.SyncRunning, len(ids) < listPage
		job.Total += len(ids)
		err := tx.Exec(`UPDATE sync_jobs SET state = 'running', started_at = coalesce(started_at, ?), listed = ?, list_cursor = ?, total = ?
			WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')`, tx.Now, job.Listed, job.ListCursor, job.Total, job.MerchantID, job.ID).Error
		if err != nil {
			return err
		}
		return tellJob(tx, job)
	})
}

func placedWithin(q *gorm.DB, sc models.SyncScope) *gorm.DB {
	if sc.PlacedFrom != nil {
		q = q.Where("placed_at >= ?", *sc.PlacedFrom)
	}
	if sc.PlacedTo != nil {
		q = q.Where("placed_at < ?", *sc.PlacedTo)
	}
	return q
}

// fetching is how far a job has come in asking stores for orders that may be new to us. It is kept in the job's list cursor.
type fetching struct {
	Store  models.ID `json:"store"`  // being asked
	Cursor string    `json:"cursor"` // of its search; empty: from the beginning
	Done   bool      `json:"done"`
}

func (f fetching) done() bool { return f.Done }

// idCursor is the list cursor where it is an order's id, and empty while stores are being asked.
func idCursor(cursor string) string {
	if database.ValidID(cursor) {
		return cursor
	}
	return ""
}

// fetchScope lets one page of a store's orders in.
func (s *Service) fetchScope(ctx context.Context, job models.SyncJob) (at fetching, err error) {
	if idCursor(job.ListCursor) != "" {
		return fetching{Done: true}, nil
	}
	if job.ListCursor != "" {
		if err := json.Unmarshal([]byte(job.ListCursor), &at); err != nil {
			return at, fmt.Errorf("read the place of a sync: %w", err)
		}
	}
	if at.Done {
		return at, nil
	}
	stores, err := s.storesOf(ctx, job)
	if err != nil {
		return at, err
	}
	i := slices.IndexFunc(stores, func(c models.Connection) bool { return c.ID >= at.Store })
	if i < 0 {
		return s.fetched(ctx, job, fetching{Done: true})
	}
	store, cursor := stores[i], at.Cursor
	if store.ID != at.Store {
		cursor = ""
	}
	page, err := s.searchStore(ctx, store, s.purposeOf(job), scopeQuery(job.Scope), cursor)
	if err != nil {
		return at, err
	}
	by := orders.By{Actor: job.Actor, Source: models.SourceManual, Reason: job.Reason}
	if _, err := s.takePage(ctx, store, page, by); err != nil {
		return at, err
	}
	switch {
	case page.Next != "":
		at = fetching{Store: store.ID, Cursor: page.Next}
	case i+1 < len(stores):
		at = fetching{Store: stores[i+1].ID}
	default:
		at = fetching{Done: true}
	}
	return s.fetched(ctx, job, at)
}

func (s *Service) fetched(ctx context.Context, job models.SyncJob, at fetching) (fetching, error) {
	raw, err := json.Marshal(at)
	if err != nil {
		panic(err) // plain text fields
	}
	return at, s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE sync_jobs SET state = 'running', started_at = coalesce(started_at, now()), list_cursor = ? WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')",
			string(raw), job.MerchantID, job.ID).Error
	})
}

func scopeQuery(sc models.SyncScope) models.StoreQuery {
	q := models.StoreQuery{IDs: sc.ExternalIDs}
	if sc.PlacedFrom != nil {
		q.CreatedFrom = *sc.PlacedFrom
	}
	if sc.PlacedTo != nil {
		q.CreatedTo = *sc.PlacedTo
	}
	return q
}

// storesOf lists the active stores of a job's scope, by id.
func (s *Service) storesOf(ctx context.Context, job models.SyncJob) (stores []models.Connection, err error) {
	list, err := s.accounts.Connections(ctx, job.MerchantID)
	for _, c := range list {
		if c.Platform == models.Wix && c.State == models.ConnectionActive && (job.Scope.StoreID == "" || job.Scope.StoreID == c.ID) {
			stores = append(stores, c)
		}
	}
	return stores, err
}

func (s *Service) purposeOf(job models.SyncJob) models.Purpose {
	if job.Trigger == "manual" && (job.Scope.Kind == models.ScopeOrders && len(job.Scope.IDs) <= syncWaitedFor || job.Scope.Kind == models.ScopeExternal) {
		return models.PurposePerson
	}
	return models.PurposeBackground
}

// pendingItem is an order of a sync job that has no outcome yet.
type pendingItem struct {
	OrderID       models.ID
	StoreID       models.ID
	ExternalID    string
	LastCheckedAt *time.Time
	Final         bool
}

// syncSome checks the next orders without an outcome. Many orders of one store are read by page.
func (s *Service) syncSome(ctx context.Context, job models.SyncJob) (more bool, err error) {
	var items []pendingItem
	err = s.db.Of(job.MerchantID).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT i.order_id, o.store_id, o.external_id, o.last_checked_at, o.final FROM sync_job_items i
		JOIN orders o ON o.merchant_id = i.merchant_id AND o.id = i.order_id
		WHERE i.merchant_id = ? AND i.job_id = ? AND i.outcome = '' ORDER BY i.order_id LIMIT ?`, job.MerchantID, job.ID, syncPage).Scan(&items).Error
	})
	if err != nil || len(items) == 0 {
		return false, err
	}
	read, err := s.readPages(ctx, job, items)
	if err != nil {
		return true, err
	}
	for chunk := range slices.Chunk(items, syncChunk) {
		g, each := errgroup.WithContext(ctx)
		g.SetLimit(syncParallel)
		for _, it := range chunk {
			g.Go(func() error { return s.syncOne(each, job, it, read[it.OrderID]) })
		}
		if err := g.Wait(); err != nil {
			return true, err
		}
		now, err := s.Job(ctx, job.MerchantID, job.ID)
		if err != nil {
			return true, err
		}
		if err := s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error { return tellJob(tx, now) }); err != nil || now.CancelRequestedAt != nil {
			return true, err
		}
	}
	return true, nil
}

// readPages reads the orders of a page from their stores, a hundred at a call, where that is fewer calls than one by one. An
// order that the search does not show is left to be read by itself. A store that cannot be reached is left to each order's
// own check, which says so.
func (s *Service) readPages(ctx context.Context, job models.SyncJob, items []pendingItem) (map[models.ID]orders.Changes, error) {
	read := map[models.ID]orders.Changes{}
	if !job.Direction.Covers(models.FromStore) || job.Scope.FromOutside() {
		for _, it := range items {
			if job.Scope.FromOutside() && job.Direction.Covers(models.FromStore) {
				read[it.OrderID] = orders.Changes{} // listing it has read it
			}
		}
		return read, nil
	}
	byStore := map[models.ID][]pendingItem{}
	for _, it := range items {
		byStore[it.StoreID] = append(byStore[it.StoreID], it)
	}
	for id, group := range byStore {
		if len(group) < 3 {
			continue
		}
		store, err := s.accounts.Connection(ctx, job.MerchantID, id)
		if err != nil {
			return nil, err
		}
		query := models.StoreQuery{}
		for _, it := range group {
			query.IDs = append(query.IDs, it.ExternalID)
		}
		page, err := s.searchStore(ctx, store, s.purposeOf(job), query, "")
		if err != nil {
			continue
		}
		taken, err := s.takePage(ctx, store, page, orders.By{Actor: job.Actor, Source: models.SourceManual, Reason: job.Reason})
		for _, it := range group {
			if changes, ok := taken[it.ExternalID]; ok {
				read[it.OrderID] = changes
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return read, nil
}

func (s *Service) syncOne(ctx context.Context, job models.SyncJob, it pendingItem, read orders.Changes) error {
	by := orders.By{Actor: job.Actor, Source: models.SourceManual, Reason: job.Reason}
	if job.Trigger == "automatic" {
		by.Source = models.SourceSweep
		if at := it.LastCheckedAt; at != nil && time.Since(*at) < s.pace.Every(syncFresh) && read.OrderID == "" {
			why := fmt.Sprintf("It was checked at %s already.", at.UTC().Format("15:04 UTC"))
			return s.itemDone(ctx, job, it.OrderID, CheckResult{Outcome: models.OutcomeUnchanged, Why: why})
		}
	} else if _, err := s.apply(ctx, job.MerchantID, it.OrderID, by, orders.SyncRequested{JobID: job.ID}); err != nil {
		return err
	}
	result, err := s.Check(ctx, job.MerchantID, it.OrderID, CheckOptions{
		Direction: job.Direction, By: by, Purpose: s.purposeOf(job), Force: true, StoreRead: read.OrderID != "" || job.Scope.FromOutside(), Read: read,
	})
	if ctx.Err() != nil {
		return ctx.Err() // not its fault: it is checked again
	}
	if result.Outcome == models.OutcomeNone {
		result.Outcome, result.Why = models.OutcomeUnreachable, models.AsError(err).Detail
	}
	return s.itemDone(ctx, job, it.OrderID, result)
}

func (s *Service) itemDone(ctx context.Context, job models.SyncJob, orderID models.ID, result CheckResult) error {
	changes, err := json.Marshal(append([]string{}, result.Changes...))
	if err != nil {
		panic(err) // plain texts
	}
	return s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`UPDATE sync_job_items SET outcome = ?, before = ?, after = ?, why = ?, changes = ?, finished_at = ? WHERE merchant_id = ? AND job_id = ? AND order_id = ? AND outcome = ''`,
			result.Outcome, result.Before, result.After, result.Why, string(changes), tx.Now, job.MerchantID, job.ID, orderID)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		column := string(result.Outcome) // one of four words of ours
		return tx.Exec("UPDATE sync_jobs SET "+column+" = "+column+" + 1 WHERE merchant_id = ? AND id = ?", job.MerchantID, job.ID).Error
	})
}

// finishSync ends a job. Two full sweeps a day of everything would fill the table with "unchanged": of an automatic job only
// what there is something to tell of is kept.
func (s *Service) finishSync(ctx context.Context, job models.SyncJob, state models.SyncJobState) error {
	for kept := job.Trigger != "automatic"; !kept; {
		err := s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error {
			res := tx.Exec(`DELETE FROM sync_job_items WHERE merchant_id = ? AND job_id = ? AND order_id IN (
				SELECT order_id FROM sync_job_items WHERE merchant_id = ? AND job_id = ? AND outcome IN ('unchanged', '') LIMIT 5000)`, job.MerchantID, job.ID, job.MerchantID, job.ID)
			kept = res.RowsAffected == 0
			return res.Error
		})
		if err != nil {
			return err
		}
	}
	return s.db.Of(job.MerchantID).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec("UPDATE sync_jobs SET state = ?, finished_at = ? WHERE merchant_id = ? AND id = ? AND state IN ('queued', 'running')", state, tx.Now, job.MerchantID, job.ID)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		job.State = state
		if err := tellJob(tx, job); err != nil {
			return err
		}
		return outbox.Tell(tx, job.MerchantID, outbox.Message{Type: models.WebhookSyncJobFinished, Data: map[string]any{
			"sync_job_id": job.ID, "state": job.State, "trigger": job.Trigger, "direction": job.Direction, "total": job.Total, "changed": job.Changed,
			"unchanged": job.Unchanged, "refused": job.Refused, "unreachable": job.Unreachable,
		}})
	})
}
