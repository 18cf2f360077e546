// Package idempotency lets a request that names itself be made again without being done again: what it was answered is kept for
// a while, and told to whoever repeats it.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

const (
	// Work is how long a request may take that holds a claim: less than the lease, so that it is never done twice at once.
	Work = 90 * time.Second
	// lease is after how long a claim counts as left by a crash.
	lease = 2 * time.Minute
	// kept is how long an answer is told to repeats.
	kept = 72 * time.Hour
	// inProgress is after how long a repeat should ask again.
	inProgress = 2 * time.Second
)

// Service keeps what requests were answered.
type Service struct{ db *database.DB }

// New makes the service.
func New(db *database.DB) *Service { return &Service{db: db} }

// Request is what a key stands for: the same key with anything else is a mistake of the caller.
type Request struct {
	Key    string
	Method string
	Target string // path and query
	Body   []byte
}

// sum is the same for equal requests only: every part is preceded by its length.
func (r Request) sum() string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Method), []byte(r.Target), r.Body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Answer is what a request was answered.
type Answer struct {
	Status      int
	ContentType string
	Location    string
	Body        []byte
	// Secret answers are not kept: a repeat is told only that it was done.
	Secret bool
}

// Claim is the right to do a request. It ends with Finish or Release, or by itself after a crash.
type Claim struct {
	merchant models.MerchantID
	key      string
	id       models.ID
}

type row struct {
	RequestSHA256 string `gorm:"column:request_sha256"`
	DoneAt        *time.Time
	Status        int
	ContentType   string
	Location      string
	Body          []byte
}

// Begin claims a request, or gives the answer that it had: one of the two. It answers Conflict while another does it, and Invalid
// when the key stands for another request.
func (s *Service) Begin(ctx context.Context, m models.MerchantID, r Request) (claim *Claim, told *Answer, err error) {
	c := Claim{m, r.Key, database.NewID()}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		// Taken is what nobody has, what has been kept for long enough, and what a crash has left, for the same request only.
		var taken []models.ID
		err := tx.Raw(`INSERT INTO idempotency_keys AS k (merchant_id, key, request_sha256, claim, lease_until, created_at) VALUES (@m, @key, @sum, @claim, @lease, @now)
			ON CONFLICT (merchant_id, key) DO UPDATE SET request_sha256 = excluded.request_sha256, claim = excluded.claim, lease_until = excluded.lease_until, created_at = excluded.created_at,
				done_at = NULL, status = 0, content_type = '', location = '', body = NULL
			WHERE k.created_at <= @expired OR k.done_at IS NULL AND k.lease_until <= @now AND k.request_sha256 = excluded.request_sha256
			RETURNING claim`,
			map[string]any{"m": m, "key": r.Key, "sum": r.sum(), "claim": c.id, "lease": tx.Now.Add(lease), "now": tx.Now, "expired": tx.Now.Add(-kept)}).Scan(&taken).Error
		if err != nil || len(taken) > 0 {
			return err
		}
		var found []row
		err = tx.Raw("SELECT request_sha256, done_at, status, content_type, location, body FROM idempotency_keys WHERE merchant_id = ? AND key = ?", m, r.Key).Scan(&found).Error
		if err != nil {
			return err
		}
		told, err = read(found, r.sum())
		return err
	})
	if err != nil || told != nil {
		return nil, told, err
	}
	return &c, nil, nil
}

// read is what a repeat is told of a claim that it did not get. None is found when the first has just given it back.
func read(found []row, sum string) (*Answer, error) {
	switch {
	case len(found) > 0 && found[0].RequestSHA256 != sum:
		e := models.Errorf(models.Invalid, "idempotency_key_reused", "This Idempotency-Key was sent with another request. Use a new key for each request. Nothing was done.")
		e.Fields = []models.FieldError{{Pointer: "Idempotency-Key", Reason: "must be new"}}
		return nil, e
	case len(found) == 0 || found[0].DoneAt == nil:
		e := models.Errorf(models.Conflict, "idempotency_in_progress", "The first request with this Idempotency-Key has not been answered yet. Send it again in a moment.")
		e.RetryAfter = inProgress
		return nil, e
	case found[0].Body == nil:
		return nil, models.Errorf(models.Conflict, "idempotency_answer_not_kept", "This request was done and answered %d. Its answer held a secret, which is not kept. If it was lost, begin anew with another Idempotency-Key.", found[0].Status)
	}
	a := found[0]
	return &Answer{Status: a.Status, ContentType: a.ContentType, Location: a.Location, Body: a.Body}, nil
}

// Finish keeps the answer of a claimed request. The request has been done, so a database that is away for a moment is asked again.
func (s *Service) Finish(ctx context.Context, c *Claim, a Answer) error {
	if a.Body == nil {
		a.Body = []byte{}
	}
	if a.Secret {
		a.Body = nil
	}
	return database.Insist(context.WithoutCancel(ctx), 5*time.Second, func(ctx context.Context) error {
		return s.db.Of(c.merchant).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec("UPDATE idempotency_keys SET done_at = ?, status = ?, content_type = ?, location = ?, body = ? WHERE merchant_id = ? AND key = ? AND claim = ? AND done_at IS NULL",
				tx.Now, a.Status, a.ContentType, a.Location, a.Body, c.merchant, c.key, c.id).Error
		})
	})
}

// Release gives a claim back whose request was not done: a repeat does it.
func (s *Service) Release(ctx context.Context, c *Claim) error {
	return database.Insist(context.WithoutCancel(ctx), 5*time.Second, func(ctx context.Context) error {
		return s.db.Of(c.merchant).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec("DELETE FROM idempotency_keys WHERE merchant_id = ? AND key = ? AND claim = ? AND done_at IS NULL", c.merchant, c.key, c.id).Error
		})
	})
}

// Forget removes a merchant's answers that are no longer kept, a bounded number at a time.
func Forget(ctx context.Context, db *database.DB, m models.MerchantID) error {
	return db.Of(m).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec(`DELETE FROM idempotency_keys WHERE merchant_id = ? AND key IN (
			SELECT key FROM idempotency_keys WHERE merchant_id = ? AND created_at <= ? ORDER BY created_at LIMIT 5000 FOR UPDATE SKIP LOCKED) AND created_at <= ?`,
			m, m, tx.Now.Add(-kept), tx.Now.Add(-kept)).Error
	})
}

// ForgetOfPeople is Forget for the people who acted at no merchant, and named their requests under their own ids.
func ForgetOfPeople(ctx context.Context, db *database.DB) error {
	var who []models.MerchantID
	err := db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM people p WHERE EXISTS (SELECT 1 FROM idempotency_keys k WHERE k.merchant_id = p.id)").Scan(&who).Error
	})
	for _, person := range who {
		err = errors.Join(err, Forget(ctx, db, person))
	}
	return err
}
