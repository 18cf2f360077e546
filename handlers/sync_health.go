package handlers

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/ordersync"
)

// syncHealth is how fresh the merchant's orders are kept.
type syncHealth struct {
	Connections []connectionHealth `json:"connections" validate:"required"`
	Queue       queueHealth        `json:"queue" validate:"required"`
	// When everything open is looked at next, whatever else happens; absent when the schedule has no hours.
	NextFullSweepAt *time.Time `json:"next_full_sweep_at,omitempty"`
	LastFullSweepAt *time.Time `json:"last_full_sweep_at,omitempty"`
	// What a person should know, one sentence each.
	Notes []string `json:"notes" validate:"required"`
} //	@name	SyncHealth

type connectionHealth struct {
	ID            models.ID              `json:"id" validate:"required"`
	Platform      models.Platform        `json:"platform" validate:"required"`
	Name          string                 `json:"name" validate:"required"`
	State         models.ConnectionState `json:"state" validate:"required"`
	Hops          []hopLag               `json:"hops" validate:"required"`
	Errors        []errorCount           `json:"errors" validate:"required"`
	Budget        budgetUse              `json:"budget" validate:"required"`
	LastSuccessAt *time.Time             `json:"last_success_at,omitempty"`
	LastErrorAt   *time.Time             `json:"last_error_at,omitempty"`
	LastErrorCode string                 `json:"last_error_code,omitempty"`
	// Stores: when the newest complete search for what no webhook told began, and when the next is due.
	SweptAt     *time.Time `json:"swept_at,omitempty"`
	NextSweepAt *time.Time `json:"next_sweep_at,omitempty"`
	// Supplier accounts: by how much the call limit makes checks slower than wished; 1 is as wished.
	Stretch float64 `json:"stretch" validate:"required" example:"1"`
	// Supplier accounts: their open supplier orders.
	OpenSupplierOrders int64 `json:"open_supplier_orders" validate:"required" example:"120"`
} //	@name	ConnectionHealth

// hopLag is how long a hop took, from the news to the fact, in seconds.
type hopLag struct {
	Hop   models.Hop `json:"hop" validate:"required" enums:"store_to_waybill,waybill_to_supplier,supplier_to_waybill,waybill_to_store"`
	P50   float64    `json:"p50_seconds" validate:"required" example:"0.4"`
	P95   float64    `json:"p95_seconds" validate:"required" example:"2.1"`
	Count int64      `json:"count" validate:"required" example:"812"`
} //	@name	HopLag

type errorCount struct {
	Kind  models.Kind `json:"kind" validate:"required" example:"unavailable"`
	Code  string      `json:"code" validate:"required" example:"wix_unavailable"`
	Count int64       `json:"count" validate:"required" example:"3"`
} //	@name	ErrorCount

type budgetUse struct {
	// Calls of the last hour; AliExpress' budget is shared by all who use the same app.
	Calls int64 `json:"calls" validate:"required" example:"340"`
	// Calls that were told to come back later.
	Refused int64 `json:"refused" validate:"required" example:"0"`
	// How long calls waited for their turn, all together.
	WaitedSeconds float64 `json:"waited_seconds" validate:"required" example:"12.5"`
	// How many calls an hour the limit allows; 0 for no limit of ours.
	PerHour     float64    `json:"per_hour" validate:"required" example:"3600"`
	BannedUntil *time.Time `json:"banned_until,omitempty"`
} //	@name	BudgetUse

type queueHealth struct {
	// Orders whose check is due, counted up to 10000.
	DueOrders         int64      `json:"due_orders" validate:"required" example:"4"`
	OldestDueAt       *time.Time `json:"oldest_due_at,omitempty"`
	Messages          int64      `json:"messages" validate:"required" example:"0"`
	OldestMessageAt   *time.Time `json:"oldest_message_at,omitempty"`
	Pushes            int64      `json:"pushes" validate:"required" example:"1"`
	OldestPushAt      *time.Time `json:"oldest_push_at,omitempty"`
	UnknownPlacements int64      `json:"unknown_placements" validate:"required" example:"0"`
	DeadLetters       int64      `json:"dead_letters" validate:"required" example:"0"`
} //	@name	QueueHealth

// getSyncHealth says how syncing goes.
//
//	@Summary		Get the health of syncing
//	@Description	Per connection: the lag of each hop over the last 24 hours, errors by kind, use of the call limits and bans, last success and next runs; what waits; and what a person should know.
//	@Tags			health
//	@ID				getSyncHealth
//	@Produce		json
//	@Success		200		{object}	syncHealth
//	@Failure		401		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/sync-health [get]
func (s *server) getSyncHealth(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	h, err := s.Sync.Health(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	q := h.Queue
	out := syncHealth{
		Connections: make([]connectionHealth, len(h.Connections)), NextFullSweepAt: utc(h.NextFullSweepAt), LastFullSweepAt: utc(h.LastFullSweepAt), Notes: append([]string{}, h.Notes...),
		Queue: queueHealth{
			DueOrders: q.DueOrders, OldestDueAt: utc(q.OldestDueAt), Messages: q.Messages, OldestMessageAt: utc(q.OldestMessageAt), Pushes: q.Pushes,
			OldestPushAt: utc(q.OldestPushAt), UnknownPlacements: q.UnknownPlacements, DeadLetters: q.DeadLetters,
		},
	}
	for i, c := range h.Connections {
		out.Connections[i] = toConnectionHealth(c)
	}
	return respond(w, http.StatusOK, out)
}

func toConnectionHealth(c ordersync.ConnectionHealth) connectionHealth {
	out := connectionHealth{
		ID: c.ID, Platform: c.Platform, Name: c.Name, State: c.State, Hops: make([]hopLag, len(c.Lags)), Errors: make([]errorCount, len(c.Errors)),
		Budget:        budgetUse{Calls: c.Budget.Calls, Refused: c.Budget.Refused, WaitedSeconds: c.Budget.WaitedSeconds, PerHour: c.PerHour, BannedUntil: utc(c.Budget.BannedUntil)},
		LastSuccessAt: utc(c.LastSuccessAt), LastErrorAt: utc(c.LastErrorAt), LastErrorCode: c.LastErrorCode, SweptAt: utc(c.SweptAt), NextSweepAt: utc(c.NextSweepAt),
		Stretch: c.Stretch, OpenSupplierOrders: c.OpenOrders,
	}
	for i, l := range c.Lags {
		out.Hops[i] = hopLag(l)
	}
	for i, e := range c.Errors {
		out.Errors[i] = errorCount{Kind: e.Kind, Code: e.Code, Count: e.N}
	}
	return out
}

// syncHistory is how syncing went.
type syncHistory struct {
	Range string `json:"range" validate:"required" enums:"24h,30d"`
	// Oldest first. Every hour or day is there, and the last one is still going on.
	Points []syncHistoryPoint `json:"points" validate:"required"`
} //	@name	SyncHistory

type syncHistoryPoint struct {
	// When the hour began, or the merchant's day.
	At time.Time `json:"at" validate:"required"`
	// Those that anything was measured of.
	Hops   []hopLag `json:"hops" validate:"required"`
	Errors int64    `json:"errors" validate:"required" example:"0"`
	// Calls to the platforms. Absent over 30 days: they are kept for a week. AliExpress' are those of all who use the same app.
	Calls *int64 `json:"calls,omitempty" example:"340"`
	// What became of the orders of sync jobs that were asked for then; automatic full checks are among them. Absent for one connection.
	SyncJobs *syncHistoryJobs `json:"sync_jobs,omitempty"`
} //	@name	SyncHistoryPoint

type syncHistoryJobs struct {
	Checked int64 `json:"checked" validate:"required" example:"412"`
	Changed int64 `json:"changed" validate:"required" example:"6"`
	Failed  int64 `json:"failed" validate:"required" example:"1"`
} //	@name	SyncHistoryJobs

// getSyncHistory says how syncing went, for charts.
//
//	@Summary		Get how syncing went
//	@Description	One point for each of the last 24 hours, or for each of the last 30 days in the merchant's zone. What is measured is counted by the full hour of UTC; where a zone is half an hour off, so are its days.
//	@Tags			health
//	@ID				getSyncHistory
//	@Produce		json
//	@Param			range			query		string	false	"How far back"	Enums(24h, 30d)	default(24h)
//	@Param			connection_id	query		string	false	"Only this connection"
//	@Success		200				{object}	syncHistory
//	@Failure		401				{object}	problem
//	@Failure		404				{object}	problem
//	@Failure		422				{object}	problem
//	@Failure		default			{object}	problem
//	@Security		BearerAuth
//	@Router			/sync-health/history [get]
func (s *server) getSyncHistory(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	over, connection := cmp.Or(q.oneOf("range", string(ordersync.LastDay), string(ordersync.LastMonth)), string(ordersync.LastDay)), q.id("connection_id")
	if err := q.done(); err != nil {
		return err
	}
	points, err := s.Sync.History(r.Context(), caller.MerchantID, ordersync.HistoryRange(over), connection)
	if err != nil {
		return err
	}
	out := syncHistory{Range: over, Points: make([]syncHistoryPoint, len(points))}
	for i, p := range points {
		out.Points[i] = syncHistoryPoint{At: p.At.UTC(), Hops: make([]hopLag, len(p.Hops)), Errors: p.Errors, Calls: p.Calls}
		for j, l := range p.Hops {
			out.Points[i].Hops[j] = hopLag(l)
		}
		if p.Runs != nil {
			jobs := syncHistoryJobs(*p.Runs)
			out.Points[i].SyncJobs = &jobs
		}
	}
	return respond(w, http.StatusOK, out)
}

// deadLetter is a piece of work that was given up after many attempts.
type deadLetter struct {
	ID string `json:"id" validate:"required" example:"4711"`
	// What was to be done: receive, sync, remap, ...
	Kind string `json:"kind" validate:"required" example:"receive"`
	// What it was to be done with: ids only.
	Subject  map[string]any `json:"subject" validate:"required"`
	Attempts int            `json:"attempts" validate:"required" example:"8"`
	Reason   string         `json:"reason" validate:"required"`
	DiedAt   time.Time      `json:"died_at" validate:"required"`
} //	@name	DeadLetter

type deadLetterPage struct {
	DeadLetters []deadLetter `json:"dead_letters" validate:"required"`
	NextCursor  string       `json:"next_cursor,omitempty"`
} //	@name	DeadLetterPage

// listDeadLetters gives one page of dead letters, newest first.
//
//	@Summary		List dead letters
//	@Description	Work that was given up after many attempts, newest first, with its reason. Nothing is lost with it: what is owed stands in the orders. Replay it when the reason is mended.
//	@Tags			health
//	@ID				listDeadLetters
//	@Produce		json
//	@Param			cursor	query		string	false	"next_cursor of the page before"
//	@Param			limit	query		int		false	"Letters on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	deadLetterPage
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/dead-letters [get]
func (s *server) listDeadLetters(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	cursor, limit := q.text("cursor", 20), q.limit()
	before, err := strconv.ParseInt(cursor, 10, 64)
	if cursor != "" && (err != nil || before < 1) {
		q.bad("cursor", "take it from next_cursor of the page before")
	}
	if err := q.done(); err != nil {
		return err
	}
	list, next, err := s.Sync.DeadLetters(r.Context(), caller.MerchantID, before, limit)
	if err != nil {
		return err
	}
	out := deadLetterPage{DeadLetters: toDeadLetters(list)}
	if next > 0 {
		out.NextCursor = strconv.FormatInt(next, 10)
	}
	return respond(w, http.StatusOK, out)
}

func toDeadLetters(list []models.DeadLetter) []deadLetter {
	out := make([]deadLetter, len(list))
	for i, j := range list {
		out[i] = deadLetter{ID: strconv.FormatInt(j.ID, 10), Kind: j.Kind, Subject: map[string]any{}, Attempts: j.Attempts, Reason: j.Error, DiedAt: j.DiedAt.UTC()}
		_ = json.Unmarshal(j.Args, &out[i].Subject)
		delete(out[i].Subject, "merchant_id")
	}
	return out
}

type replayRequest struct {
	IDs []string `json:"ids" validate:"required,min=1,max=200,unique,dive,numeric,max=18" example:"4711"`
} //	@name	ReplayRequest

type replayResult struct {
	// Those that are worked again; the others are no dead letters (any more).
	Replayed []string `json:"replayed" validate:"required"`
} //	@name	ReplayResult

// replayDeadLetters has dead letters worked again.
//
//	@Summary		Replay dead letters
//	@Description	One or many. Asking twice does nothing more.
//	@Tags			health
//	@ID				replayDeadLetters
//	@Accept			json
//	@Produce		json
//	@Param			request	body		replayRequest	true	"Which"
//	@Success		200		{object}	replayResult
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/dead-letters/replay [post]
func (s *server) replayDeadLetters(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[replayRequest](s, w, r, false)
	if err != nil {
		return err
	}
	ids := make([]int64, len(in.IDs))
	for i, text := range in.IDs {
		ids[i], _ = strconv.ParseInt(text, 10, 64) // digits, few enough
	}
	revived, err := s.Sync.Replay(r.Context(), caller.MerchantID, ids, caller.Actor)
	if err != nil {
		return err
	}
	out := replayResult{Replayed: make([]string, len(revived))}
	for i, j := range revived {
		out.Replayed[i] = strconv.FormatInt(j.ID, 10)
	}
	return respond(w, http.StatusOK, out)
}
