package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/ordersync"
)

// syncJob is one run of syncing.
type syncJob struct {
	ID        models.ID           `json:"id" validate:"required"`
	Scope     syncScope           `json:"scope" validate:"required"`
	Direction models.Direction    `json:"direction" validate:"required"`
	Trigger   string              `json:"trigger" validate:"required" enums:"manual,automatic"`
	Actor     string              `json:"actor" validate:"required" example:"api:first"`
	Reason    string              `json:"reason,omitempty"`
	State     models.SyncJobState `json:"state" validate:"required"`
	// An equal job was running already; this is it.
	Joined bool `json:"joined" validate:"required"`
	// How many orders; grows while the scope is being listed.
	Total       int        `json:"total" validate:"required" example:"120"`
	Done        int        `json:"done" validate:"required" example:"40"`
	Changed     int        `json:"changed" validate:"required" example:"3"`
	Unchanged   int        `json:"unchanged" validate:"required" example:"36"`
	Refused     int        `json:"refused" validate:"required" example:"0"`
	Unreachable int        `json:"unreachable" validate:"required" example:"1"`
	CreatedAt   time.Time  `json:"created_at" validate:"required"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	FinishedAt  *time.Time `json:"finished_at,omitempty"`
} //	@name	SyncJob

// syncScope says which orders. A tab, a store or all means the orders that can still change.
type syncScope struct {
	// range: placed within a time; external: by the store's own order ids. Both may bring orders that are new to Waybill. filter: what a list of orders shows.
	Kind string      `json:"kind" validate:"required,oneof=orders tab store range external filter all" enums:"orders,tab,store,range,external,filter,all"`
	IDs  []models.ID `json:"ids,omitempty" validate:"required_if=Kind orders,excluded_unless=Kind orders,max=1000,dive,uuid"`
	Tab  models.Tab  `json:"tab,omitempty" validate:"required_if=Kind tab,excluded_unless=Kind tab,omitempty,oneof=pending awaiting_order awaiting_payment awaiting_shipment fulfilled"`
	// Obligatory with store and external; narrows a tab or a range.
	StoreID     models.ID `json:"store_id,omitempty" validate:"required_if=Kind store,required_if=Kind external,excluded_if=Kind orders,excluded_if=Kind filter,excluded_if=Kind all,omitempty,uuid"`
	ExternalIDs []string  `json:"external_ids,omitempty" validate:"required_if=Kind external,excluded_unless=Kind external,max=100,dive,min=1,max=100"`
	// With range: placed at or after this time, and
	PlacedFrom *time.Time `json:"placed_from,omitempty" validate:"required_if=Kind range,excluded_unless=Kind range"`
	// before this one; until now when left out.
	PlacedTo *time.Time `json:"placed_to,omitempty" validate:"excluded_unless=Kind range"`
	// With filter: as for the list of orders, at least one of them. It means the orders that match when the job lists them, and of those the ones that can still change; all of them where it names a tab that is an end (fulfilled, closed) or a text q.
	Filter *syncFilter `json:"filter,omitempty" validate:"required_if=Kind filter,excluded_unless=Kind filter"`
} //	@name	SyncScope

// syncFilter narrows as the list of orders does.
type syncFilter struct {
	Tab        models.Tab      `json:"tab,omitempty" validate:"omitempty,oneof=pending awaiting_order awaiting_payment awaiting_shipment fulfilled closed"`
	View       string          `json:"view,omitempty" validate:"omitempty,oneof=attention" enums:"attention"`
	StoreID    models.ID       `json:"store_id,omitempty" validate:"omitempty,uuid"`
	Flag       models.FlagCode `json:"flag,omitempty" validate:"max=60"`
	Country    string          `json:"country,omitempty" validate:"omitempty,iso3166_1_alpha2" example:"US"`
	Supplier   string          `json:"supplier,omitempty" validate:"max=40" example:"1103800006"`
	Query      string          `json:"q,omitempty" validate:"max=200"`
	PlacedFrom *time.Time      `json:"placed_from,omitempty"`
	PlacedTo   *time.Time      `json:"placed_to,omitempty"`
} //	@name	SyncFilter

func toScope(s models.SyncScope) syncScope {
	out := syncScope{Kind: s.Kind, IDs: s.IDs, Tab: s.Tab, StoreID: s.StoreID, ExternalIDs: s.ExternalIDs, PlacedFrom: utc(s.PlacedFrom), PlacedTo: utc(s.PlacedTo)}
	if s.Filter != nil {
		f := syncFilter(*s.Filter)
		out.Filter = &f
	}
	return out
}

func (s syncScope) into() models.SyncScope {
	out := models.SyncScope{Kind: s.Kind, IDs: s.IDs, Tab: s.Tab, StoreID: s.StoreID, ExternalIDs: s.ExternalIDs, PlacedFrom: utc(s.PlacedFrom), PlacedTo: utc(s.PlacedTo)}
	if s.Filter != nil {
		f := models.SyncFilter(*s.Filter)
		f.PlacedFrom, f.PlacedTo = utc(f.PlacedFrom), utc(f.PlacedTo)
		out.Filter = &f
	}
	return out
}

func toSyncJob(j models.SyncJob, joined bool) syncJob {
	return syncJob{
		ID: j.ID, Scope: toScope(j.Scope), Direction: j.Direction,
		Trigger: j.Trigger, Actor: string(j.Actor), Reason: j.Reason, State: j.State, Joined: joined, Total: j.Total, Done: j.Done(), Changed: j.Changed,
		Unchanged: j.Unchanged, Refused: j.Refused, Unreachable: j.Unreachable, CreatedAt: j.CreatedAt.UTC(), StartedAt: utc(j.StartedAt), FinishedAt: utc(j.FinishedAt),
	}
}

type syncJobRequest struct {
	Scope     syncScope `json:"scope" validate:"required"`
	Direction string    `json:"direction" validate:"omitempty,oneof=from_store from_supplier to_store all" enums:"from_store,from_supplier,to_store,all"`
	Reason    string    `json:"reason" validate:"max=500"`
} //	@name	SyncJobRequest

// createSyncJob syncs many orders now.
//
//	@Summary		Sync orders now
//	@Description	For some orders, a tab, a store, what a list shows under its filters, or everything, in either direction. Answers with a sync job at once; an equal request joins the one that is running. A tab, a store or everything means the orders that can still change.
//	@Tags			sync
//	@ID				createSyncJob
//	@Accept			json
//	@Produce		json
//	@Param			request	body		syncJobRequest	true	"Scope, direction and reason"
//	@Success		202		{object}	syncJob
//	@Header			202		{string}	Location	"Where to follow the job"
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/sync-jobs [post]
func (s *server) createSyncJob(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[syncJobRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if in.Reason, err = reasonOf(caller, in.Reason); err != nil {
		return err
	}
	return s.startSync(w, r, caller, ordersync.SyncRequest{
		Scope:     in.Scope.into(),
		Direction: direction(in.Direction), Actor: caller.Actor, Reason: in.Reason,
	})
}

// syncEstimate says what a sync will cost.
type syncEstimate struct {
	// How many orders, as far as they are known, counted up to 100000.
	Orders        int64 `json:"orders" validate:"required" example:"120"`
	StoreCalls    int64 `json:"store_calls" validate:"required" example:"3"`
	SupplierCalls int64 `json:"supplier_calls" validate:"required" example:"150"`
	// How long it takes at the pace of the call limits, were nothing else to do.
	Seconds float64 `json:"seconds" validate:"required" example:"187.5"`
	// An equal sync is under way: asking for one joins it.
	Running bool `json:"running" validate:"required"`
	// Until then a platform takes no calls.
	LimitedUntil *time.Time `json:"limited_until,omitempty"`
} //	@name	SyncEstimate

// estimateSync estimates a sync.
//
//	@Summary		Estimate a sync
//	@Description	How many orders, how many calls, how long; nothing is started. Takes the same request as starting one.
//	@Tags			sync
//	@ID				estimateSync
//	@Accept			json
//	@Produce		json
//	@Param			request	body		syncJobRequest	true	"Scope, direction and reason"
//	@Success		200		{object}	syncEstimate
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/sync-jobs/estimate [post]
func (s *server) estimateSync(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "estimate")
	if err != nil {
		return err
	}
	defer end()
	in, err := decode[syncJobRequest](s, w, r, false)
	if err != nil {
		return err
	}
	e, err := s.Sync.Estimate(r.Context(), caller.MerchantID, ordersync.SyncRequest{Scope: in.Scope.into(), Direction: direction(in.Direction)})
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, syncEstimate{
		Orders: e.Orders, StoreCalls: e.StoreCalls, SupplierCalls: e.SupplierCalls, Seconds: e.Seconds, Running: e.Running, LimitedUntil: utc(e.LimitedUntil),
	})
}

func (s *server) startSync(w http.ResponseWriter, r *http.Request, caller accounts.Caller, request ordersync.SyncRequest) error {
	job, joined, err := s.Sync.Request(r.Context(), caller.MerchantID, request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/sync-jobs/"+string(job.ID))
	return respond(w, http.StatusAccepted, toSyncJob(job, joined))
}

type syncJobPage struct {
	SyncJobs   []syncJob `json:"sync_jobs" validate:"required"`
	NextCursor string    `json:"next_cursor,omitempty"`
} //	@name	SyncJobPage

// listSyncJobs gives one page of sync jobs, newest first.
//
//	@Summary	List sync jobs
//	@Tags		sync
//	@ID			listSyncJobs
//	@Produce	json
//	@Param		state	query		string	false	"Only those in this state; active is queued or running"	Enums(active, queued, running, done, cancelled)
//	@Param		trigger	query		string	false	"Only those that a person started, or a schedule"		Enums(manual, automatic)
//	@Param		cursor	query		string	false	"next_cursor of the page before, with the same filters"
//	@Param		limit	query		int		false	"Jobs on a page"	minimum(1)	maximum(200)	default(50)
//	@Success	200		{object}	syncJobPage
//	@Failure	401		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/sync-jobs [get]
func (s *server) listSyncJobs(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := ordersync.JobFilter{
		State:   models.SyncJobState(q.oneOf("state", string(ordersync.ActiveJobs), string(models.SyncQueued), string(models.SyncRunning), string(models.SyncDone), string(models.SyncCancelled))),
		Trigger: q.oneOf("trigger", "manual", "automatic"), Cursor: q.text("cursor", 36), Limit: q.limit(),
	}
	if err := q.done(); err != nil {
		return err
	}
	jobs, next, err := s.Sync.Jobs(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	out := syncJobPage{SyncJobs: make([]syncJob, len(jobs)), NextCursor: next}
	for i, j := range jobs {
		out.SyncJobs[i] = toSyncJob(j, false)
	}
	return respond(w, http.StatusOK, out)
}

// getSyncJob gives one sync job with its progress.
//
//	@Summary	Get one sync job
//	@Tags		sync
//	@ID			getSyncJob
//	@Produce	json
//	@Param		id		path		string	true	"Sync job id"
//	@Success	200		{object}	syncJob
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/sync-jobs/{id} [get]
func (s *server) getSyncJob(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	job, err := s.Sync.Job(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSyncJob(job, false))
}

type syncJobItem struct {
	OrderID models.ID `json:"order_id" validate:"required"`
	// What people know the order by.
	Number    string `json:"number" validate:"required" example:"10002"`
	BuyerName string `json:"buyer_name" validate:"required" example:"Jane Doe"`
	// Absent until the order has been looked at.
	Outcome models.Outcome `json:"outcome,omitempty" enums:"changed,unchanged,refused,unreachable"`
	Before  models.Tab     `json:"before,omitempty"`
	After   models.Tab     `json:"after,omitempty"`
	// Why nothing changed, or what was refused or unreachable, or the last thing that changed.
	Why string `json:"why,omitempty" example:"Checked; nothing has changed since the check of 2026-03-14 09:20 UTC."`
	// What changed, one sentence each.
	Changes    []string   `json:"changes" validate:"required"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
} //	@name	SyncJobItem

type syncJobItemPage struct {
	Items      []syncJobItem `json:"items" validate:"required"`
	NextCursor string        `json:"next_cursor,omitempty"`
} //	@name	SyncJobItemPage

// listSyncJobItems gives one page of what a sync job did.
//
//	@Summary	List what a sync job did per order
//	@Tags		sync
//	@ID			listSyncJobItems
//	@Produce	json
//	@Param		id		path		string	true	"Sync job id"
//	@Param		cursor	query		string	false	"next_cursor of the page before"
//	@Param		limit	query		int		false	"Orders on a page"	minimum(1)	maximum(200)	default(50)
//	@Success	200		{object}	syncJobItemPage
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/sync-jobs/{id}/items [get]
func (s *server) listSyncJobItems(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	cursor, limit := q.text("cursor", 36), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	job, err := s.Sync.Job(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	items, next, err := s.Sync.Items(r.Context(), caller.MerchantID, job.ID, cursor, limit)
	if err != nil {
		return err
	}
	out := syncJobItemPage{Items: make([]syncJobItem, len(items)), NextCursor: next}
	for i, it := range items {
		out.Items[i] = syncJobItem{OrderID: it.OrderID, Number: it.Number, BuyerName: it.BuyerName, Outcome: it.Outcome, Before: it.Before, After: it.After, Why: it.Why, Changes: append([]string{}, it.Changes...), FinishedAt: utc(it.FinishedAt)}
	}
	return respond(w, http.StatusOK, out)
}

// cancelSyncJob stops a sync job.
//
//	@Summary		Cancel a sync job
//	@Description	Orders that are being checked are finished; the others keep no outcome.
//	@Tags			sync
//	@ID				cancelSyncJob
//	@Produce		json
//	@Param			id		path		string	true	"Sync job id"
//	@Success		202		{object}	syncJob
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/sync-jobs/{id}/cancel [post]
func (s *server) cancelSyncJob(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	job, err := s.Sync.Cancel(r.Context(), caller.MerchantID, pathID(r), caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, toSyncJob(job, false))
}
