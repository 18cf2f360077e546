package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/feed"
)

const (
	streamBatch = 200
	streamLook  = 2 * time.Second  // a wake-up may be lost
	streamBeat  = 15 * time.Second // so that nobody between takes the stream for dead
	streamWrite = 30 * time.Second
)

// eventStream has the data of each kind of event under its name. On the wire each event stands alone: "event: order", "data: {...}".
type eventStream struct { //nolint:unused // for the document: swag reads it
	Order      orderChange      `json:"order" validate:"required"`
	SyncJob    syncJobChange    `json:"sync_job" validate:"required"`
	Connection connectionChange `json:"connection" validate:"required"`
	Counts     orderCounts      `json:"counts" validate:"required"`
	Ready      streamMark       `json:"ready" validate:"required"`
	Reset      streamMark       `json:"reset" validate:"required"`
} //	@name	EventStream

// orderChange is the data of an order event.
type orderChange struct {
	OrderID models.ID  `json:"order_id" validate:"required"`
	StoreID models.ID  `json:"store_id" validate:"required"`
	Number  string     `json:"number" validate:"required" example:"10002"`
	Tab     models.Tab `json:"tab" validate:"required"`
	// The tab before the change.
	Before    models.Tab `json:"before" validate:"required"`
	Created   bool       `json:"created" validate:"required"`
	OpenFlags int        `json:"open_flags" validate:"required"`
	Version   int64      `json:"version" validate:"required"`
	// The kinds of what happened, as in the timeline.
	Events []string `json:"events" validate:"required"`
	// The order as a list shows it now, which may be later than the change; absent when it cannot be read: read it by its id.
	Order *orderSummary `json:"order,omitempty"`
} //	@name	OrderChange

// syncJobChange is the data of a sync_job event.
type syncJobChange struct {
	SyncJobID   models.ID           `json:"sync_job_id" validate:"required"`
	State       models.SyncJobState `json:"state" validate:"required"`
	Trigger     string              `json:"trigger" validate:"required" enums:"manual,automatic"`
	Total       int                 `json:"total" validate:"required"`
	Listed      bool                `json:"listed" validate:"required"`
	Done        int                 `json:"done" validate:"required"`
	Changed     int                 `json:"changed" validate:"required"`
	Unchanged   int                 `json:"unchanged" validate:"required"`
	Refused     int                 `json:"refused" validate:"required"`
	Unreachable int                 `json:"unreachable" validate:"required"`
} //	@name	SyncJobChange

// connectionChange is the data of a connection event.
type connectionChange struct {
	ConnectionID models.ID              `json:"connection_id" validate:"required"`
	State        models.ConnectionState `json:"state" validate:"required"`
} //	@name	ConnectionChange

type streamMark struct {
	At time.Time `json:"at" validate:"required"`
} //	@name	StreamMark

// streamEvents tells of changes as they happen.
//
//	@Summary		Follow changes live
//	@Description	A stream of server-sent events: "order" (an OrderChange, with the order as a list shows it), "sync_job" (progress of a job), "connection" (its state), "counts" (the OrderCounts, after orders have changed), "ready" once at the start, and "reset" when changes may have been missed: read everything anew. Send the id of the last event seen as Last-Event-ID (or after=) to go on where a stream broke off; changes are kept for a day. Changes made by any process are told.
//	@Tags			events
//	@ID				streamEvents
//	@Produce		text/event-stream
//	@Param			after			query		string	false	"The id of the last event seen, where a header cannot be sent"
//	@Param			Last-Event-ID	header		string	false	"The id of the last event seen"
//	@Success		200				{object}	eventStream
//	@Failure		400				{object}	problem
//	@Failure		401				{object}	problem
//	@Failure		429				{object}	problem
//	@Failure		default			{object}	problem
//	@Security		BearerAuth
//	@Router			/events [get]
func (s *server) streamEvents(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	last := q.text("after", 100)
	if err := q.done(); err != nil {
		return err
	}
	if header := r.Header.Get("Last-Event-ID"); header != "" {
		last = header
	}
	cursor, err := s.startAt(r, last)
	if err != nil {
		return err
	}
	changed, leave, err := s.Feed.Watch(caller.MerchantID)
	if err != nil {
		return err
	}
	defer leave()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a stream lasts
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	st := &stream{s: s, w: w, r: r, control: control, caller: caller, cursor: cursor}
	st.event("ready", cursor.String(), streamMark{time.Now().UTC()})
	st.follow(changed)
	return nil
}

func (s *server) startAt(r *http.Request, last string) (feed.Cursor, error) {
	if last == "" {
		return s.Feed.Now(r.Context())
	}
	return feed.ParseCursor(last)
}

// stream is one client's.
type stream struct {
	s       *server
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	caller  accounts.Caller
	cursor  feed.Cursor
	err     error // of writing: the client has gone
}

// follow tells of changes until the client goes or the program stops.
func (st *stream) follow(changed <-chan struct{}) {
	look, beat := time.NewTicker(streamLook), time.NewTicker(streamBeat)
	defer look.Stop()
	defer beat.Stop()
	for st.err == nil {
		st.tell()
		select {
		case <-st.r.Context().Done():
			return
		case _, open := <-changed:
			if !open {
				return
			}
		case <-look.C:
		case <-beat.C:
			if good, err := st.s.People.Holds(st.r.Context(), st.caller); err == nil && !good {
				return // the key was revoked or has expired
			}
			st.write(": \n\n")
		}
	}
}

// tell writes what has changed since the cursor. A database that does not answer is asked again at the next look.
func (st *stream) tell() {
	counts := false
	for st.err == nil {
		changes, complete, err := st.s.Feed.Since(st.r.Context(), st.caller.MerchantID, st.cursor, streamBatch)
		if err != nil {
			return
		}
		if !complete {
			now, err := st.s.Feed.Now(st.r.Context())
			if err != nil {
				return
			}
			st.cursor, counts = now, true
			st.event("reset", now.String(), streamMark{time.Now().UTC()})
			break
		}
		rows := st.rows(changes)
		for _, c := range changes {
			st.change(c, rows)
			counts = counts || c.Kind == feed.Order
		}
		if len(changes) < streamBatch {
			break
		}
	}
	if counts {
		if c, err := st.s.Orders.Counts(st.r.Context(), st.caller.MerchantID, ""); err == nil {
			st.event("counts", "", toCounts(c))
		}
	}
}

// rows reads the orders of a batch of changes at once. A change is told without its row when they cannot be read.
func (st *stream) rows(changes []feed.Change) map[models.ID]models.Order {
	var ids []models.ID
	for _, c := range changes {
		if c.Kind == feed.Order {
			ids = append(ids, c.Subject)
		}
	}
	rows, err := st.s.Orders.Rows(st.r.Context(), st.caller.MerchantID, ids)
	if err != nil {
		st.s.Log.Warn("read the orders of a stream", "request_id", infoOf(st.r).id, "error", err)
	}
	return rows
}

func (st *stream) change(c feed.Change, rows map[models.ID]models.Order) {
	st.cursor = c.Cursor
	var data any
	var err error
	switch c.Kind {
	case feed.Order:
		d := orderChange{OrderID: c.Subject}
		err, data = json.Unmarshal(c.Data, &d), &d
		if row, read := rows[c.Subject]; read {
			summary := toSummary(row)
			d.Order = &summary
		}
	case feed.SyncJob:
		d := syncJobChange{SyncJobID: c.Subject}
		err, data = json.Unmarshal(c.Data, &d), &d
	default:
		d := connectionChange{ConnectionID: c.Subject}
		err, data = json.Unmarshal(c.Data, &d), &d
	}
	if err == nil { // it was written by ourselves
		st.event(string(c.Kind), c.Cursor.String(), data)
	}
}

func (st *stream) event(name, id string, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		st.err = err
		return
	}
	text := fmt.Sprintf("event: %s\ndata: %s\n\n", name, body)
	if id != "" {
		text = "id: " + id + "\n" + text
	}
	st.write(text)
}

func (st *stream) write(text string) {
	if st.err != nil {
		return
	}
	_ = st.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, st.err = st.w.Write([]byte(text)); st.err == nil { //nolint:gosec // a stream of events, which no browser takes for a page
		st.err = st.control.Flush()
	}
}
