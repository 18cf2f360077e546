// Package feed is what changed, for whoever watches: every change of an order, a sync job or a connection is told on the
// transaction that makes it, and can be read from where a reader stopped, in every process.
package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// Kind says what a change is about.
type Kind string

// The kinds.
const (
	Order      Kind = "order"
	SyncJob    Kind = "sync_job"
	Connection Kind = "connection"
)

// kept is how long changes can be read.
const kept = 24 * time.Hour

// Tell adds a change on the transaction that makes it, and wakes those who watch the merchant once that has committed.
func Tell(tx database.Tx, m models.MerchantID, kind Kind, subject models.ID, data map[string]any) error {
	a, err := Telling(tx, m, kind, subject, data)
	if err == nil {
		err = tx.Ask(a)
	}
	if err != nil {
		return fmt.Errorf("tell of a change: %w", err)
	}
	return nil
}

// Telling is Tell as a statement that the caller has sent with others.
func Telling(tx database.Tx, m models.MerchantID, kind Kind, subject models.ID, data map[string]any) (database.Ask, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return database.Ask{}, fmt.Errorf("tell of a change: %w", err)
	}
	tx.Signal(string(m))
	return database.Ask{
		SQL:  "INSERT INTO feed (merchant_id, id, at, kind, subject_id, data) VALUES ($1, $2, $3, $4, $5, $6)",
		Args: []any{string(m), string(database.NewID()), tx.Now, string(kind), string(subject), string(raw)},
	}, nil
}

// Change is one thing that changed. Cursor is where a reader goes on after it.
type Change struct {
	Kind    Kind
	Subject models.ID
	At      time.Time
	Data    json.RawMessage
	Cursor  Cursor
}

// Cursor is a place in a merchant's changes.
type Cursor struct {
	xid uint64
	at  time.Time
	id  models.ID
}

const noID = models.ID("00000000-0000-0000-0000-000000000000")

func (c Cursor) String() string { return fmt.Sprintf("%d.%d.%s", c.xid, c.at.Unix(), c.id) }

// ParseCursor reads what String wrote. It answers Invalid for anything else.
func ParseCursor(text string) (Cursor, error) {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) == 3 {
		xid, err1 := strconv.ParseUint(parts[0], 10, 64)
		seconds, err2 := strconv.ParseInt(parts[1], 10, 64)
		if err1 == nil && err2 == nil && database.ValidID(parts[2]) {
			return Cursor{xid, time.Unix(seconds, 0).UTC(), models.ID(parts[2])}, nil
		}
	}
	e := models.Errorf(models.Invalid, "cursor_invalid", "This event id is not one that this stream gave.")
	e.Fields = []models.FieldError{{Pointer: "Last-Event-ID", Reason: "send the id of the last event you saw, or none"}}
	return Cursor{}, e
}

// Service reads changes and tells watchers that there are some.
type Service struct {
	db       *database.DB
	mu       sync.Mutex
	watchers map[models.MerchantID]map[*watcher]bool
	closed   bool
}

type watcher struct{ wake chan struct{} }

// New makes the service. Run wakes its watchers.
func New(db *database.DB) *Service {
	return &Service{db: db, watchers: map[models.MerchantID]map[*watcher]bool{}}
}

// Run wakes watchers on changes, whichever process made them, until ctx ends; then it lets them all go.
func (s *Service) Run(ctx context.Context) {
	defer s.letGo()
	s.db.Listen(ctx, func(word string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for w := range s.watchers[models.MerchantID(word)] {
			select {
			case w.wake <- struct{}{}:
			default: // it is awake already
			}
		}
	})
}

func (s *Service) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for m, all := range s.watchers {
		for w := range all {
			close(w.wake)
		}
		delete(s.watchers, m)
	}
}

// maxWatchers is how many may watch one merchant in one process.
const maxWatchers = 100

// Watch gives a channel that says when there may be changes of a merchant; it is closed when the program stops. A wake-up may be
// lost: look every few seconds as well. leave ends it. It answers Throttled when too many watch already.
func (s *Service) Watch(m models.MerchantID) (changed <-chan struct{}, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e := models.Errorf(models.Unavailable, "stopping", "Waybill is about to stop. Connect again in a moment.")
		e.RetryAfter = time.Second
		return nil, nil, e
	}
	if len(s.watchers[m]) >= maxWatchers {
		e := models.Errorf(models.Throttled, "too_many_streams", "%d streams of events are open already. Close one first.", maxWatchers)
		e.RetryAfter = 10 * time.Second
		return nil, nil, e
	}
	if s.watchers[m] == nil {
		s.watchers[m] = map[*watcher]bool{}
	}
	w := &watcher{make(chan struct{}, 1)}
	s.watchers[m][w] = true
	return w.wake, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers[m], w)
		if len(s.watchers[m]) == 0 {
			delete(s.watchers, m)
		}
	}, nil
}

// Now is the place from which every change that is still to come can be read.
func (s *Service) Now(ctx context.Context) (Cursor, error) {
	c := Cursor{id: noID}
	var xid string
	err := s.db.Read(ctx).Raw("SELECT pg_snapshot_xmin(pg_current_snapshot())::text, now()").Row().Scan(&xid, &c.at)
	if err == nil {
		c.xid, err = strconv.ParseUint(xid, 10, 64)
	}
	return c, database.Err(err)
}

// Since gives a merchant's changes after a place, oldest first. complete is false when there may have been others that are no
// longer kept: the reader has to look at everything anew.
func (s *Service) Since(ctx context.Context, m models.MerchantID, after Cursor, limit int) (changes []Change, complete bool, err error) {
	var highest string
	var now time.Time
	if err := s.db.Read(ctx).Raw("SELECT pg_snapshot_xmax(pg_current_snapshot())::text, now()").Row().Scan(&highest, &now); err != nil {
		return nil, false, database.Err(err)
	}
	xmax, err := strconv.ParseUint(highest, 10, 64)
	if err != nil {
		return nil, false, fmt.Errorf("read the transaction counter: %w", err)
	}
	if after.xid > xmax || now.Sub(after.at) > kept-time.Minute { // another database than the cursor's, or too long ago
		return nil, false, nil
	}
	var rows []struct {
		ID        models.ID
		XID       uint64 `gorm:"column:xid"`
		At        time.Time
		Kind      Kind
		SubjectID models.ID
		Data      string
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT id, xid, at, kind, subject_id, data::text AS data FROM feed
		WHERE merchant_id = ? AND (xid, id) > (?, ?::uuid) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT ?`,
			m, after.xid, after.id, limit).Scan(&rows).Error
	})
	if err != nil {
		return nil, false, fmt.Errorf("read changes: %w", err)
	}
	for _, r := range rows {
		changes = append(changes, Change{r.Kind, r.SubjectID, r.At, json.RawMessage(r.Data), Cursor{r.XID, r.At, r.ID}})
	}
	return changes, true, nil
}

// Forget removes a merchant's changes that are no longer kept, a bounded number at a time.
func Forget(ctx context.Context, db *database.DB, m models.MerchantID) error {
	return db.Of(m).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec(`DELETE FROM feed WHERE merchant_id = ? AND id IN (
		SELECT id FROM feed WHERE merchant_id = ? AND id < ? ORDER BY id LIMIT 5000)`, m, m, database.IDBefore(time.Now().Add(-kept))).Error
	})
}
