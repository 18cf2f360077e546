// Package audit is what people, keys and the operator did: entered in the transaction of the act itself, only ever added to, and
// chained by hashes, so that whoever changes what was entered is found out.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"strconv"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// Installation is whose audit holds what was done to the installation as a whole, and to no merchant.
const Installation = models.MerchantID("00000000-0000-0000-0000-000000000000")

// Act is what an entry is made from. The time is the transaction's, the request its context's; number and hash follow from the entry
// before.
type Act struct {
	By      models.Actor
	What    models.Act
	Subject models.AuditSubject
	Reason  string
	// Detail is more about it: names and ids, settings before and after; never a secret or a buyer's data. Nil for nothing.
	Detail map[string]any
}

type requestKey struct{}

// In is a context whose acts are entered as done by a request.
func In(ctx context.Context, r models.Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func requestOf(ctx context.Context) models.Request {
	r, _ := ctx.Value(requestKey{}).(models.Request)
	return r
}

// Append enters an act into a merchant's audit: it is there if and only if the transaction commits. It locks the head of the chain,
// so it comes after everything else that the transaction locks.
func Append(tx database.Tx, m models.MerchantID, a Act) error {
	e := models.AuditEntry{MerchantID: m, At: tx.Now.Truncate(time.Microsecond), Actor: a.By, Act: a.What, Subject: a.Subject, Reason: a.Reason, Request: requestOf(tx.Statement.Context), Detail: json.RawMessage("{}")}
	if a.Detail != nil {
		detail, err := json.Marshal(a.Detail)
		if err != nil {
			return fmt.Errorf("enter %s into the audit: %w", a.What, err)
		}
		e.Detail = detail
	}
	var previous []byte
	err := tx.Raw(`INSERT INTO audit_heads AS h (merchant_id, seq, hash) VALUES (?, 1, '') ON CONFLICT (merchant_id) DO UPDATE SET seq = h.seq + 1 RETURNING seq, hash`, m).Row().Scan(&e.Seq, &previous)
	if err != nil {
		return fmt.Errorf("enter %s into the audit: %w", a.What, err)
	}
	e.Hash = hashOf(e, previous)
	err = tx.Exec(`WITH head AS (UPDATE audit_heads SET hash = @hash WHERE merchant_id = @m)
		INSERT INTO audit_entries (merchant_id, seq, at, actor, act, subject_kind, subject_id, reason, request_id, client, detail, hash)
		VALUES (@m, @seq, @at, @actor, @act, @kind, @id, @reason, @request, @client, @detail, @hash)`, map[string]any{
		"m": m, "seq": e.Seq, "at": e.At, "actor": e.Actor, "act": e.Act, "kind": e.Subject.Kind, "id": e.Subject.ID, "reason": e.Reason,
		"request": e.Request.ID, "client": e.Request.Client, "detail": string(e.Detail), "hash": e.Hash,
	}).Error
	if err != nil {
		return fmt.Errorf("enter %s into the audit: %w", a.What, err)
	}
	return nil
}

// Changed is the detail of a change: each field of the two in JSON that differs, with what it was and what it is.
func Changed(from, to any) map[string]any {
	before, after := fields(from), fields(to)
	changed := map[string]any{}
	for name, is := range after {
		if was, ok := before[name]; !ok || !bytes.Equal(was, is) {
			changed[name] = map[string]any{"from": was, "to": is}
		}
	}
	for name, was := range before {
		if _, ok := after[name]; !ok {
			changed[name] = map[string]any{"from": was, "to": nil}
		}
	}
	return changed
}

func fields(v any) (of map[string]json.RawMessage) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &of)
	}
	if err != nil {
		panic(err) // settings of ours
	}
	return of
}

// hashOf is the SHA-256 over the hash before and all fields of an entry, in the order of the table, each as a netstring (its length in
// bytes, a colon, the bytes, a comma): nothing can be moved from one field to the next unseen.
func hashOf(e models.AuditEntry, previous []byte) []byte {
	h := sha256.New()
	netstring(h, string(previous))
	for _, field := range []string{
		string(e.MerchantID), strconv.FormatInt(e.Seq, 10), e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), string(e.Actor), string(e.Act), e.Subject.Kind, string(e.Subject.ID), e.Reason,
		e.Request.ID, e.Request.Client, string(e.Detail),
	} {
		netstring(h, field)
	}
	return h.Sum(nil)
}

func netstring(h hash.Hash, field string) { _, _ = fmt.Fprintf(h, "%d:%s,", len(field), field) }

// Service reads audits.
type Service struct{ db *database.DB }

// New makes the service.
func New(db *database.DB) *Service { return &Service{db: db} }

// Enter enters an act that changes nothing else: what was looked at or taken away.
func (s *Service) Enter(ctx context.Context, m models.MerchantID, a Act) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error { return Append(tx, m, a) })
}

// Filter says which entries to list. Zero fields do not filter.
type Filter struct {
	Actor   models.Actor
	Act     models.Act
	Subject models.ID
	From    *time.Time
	To      *time.Time
}

func (f Filter) of(q *gorm.DB, m models.MerchantID) *gorm.DB {
	q = q.Where("merchant_id = ?", m)
	if f.Actor != "" {
		q = q.Where("actor = ?", f.Actor)
	}
	if f.Act != "" {
		q = q.Where("act = ?", f.Act)
	}
	if f.Subject != "" {
		q = q.Where("subject_id = ?", f.Subject)
	}
	if f.From != nil {
		q = q.Where("at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("at < ?", *f.To)
	}
	return q
}

// List reads one page of entries, newest first, before the one that the cursor names, and the cursor of the page that follows.
func (s *Service) List(ctx context.Context, m models.MerchantID, f Filter, cursor string, limit int) (entries []models.AuditEntry, next string, err error) {
	before := int64(math.MaxInt64)
	if cursor != "" {
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil {
			return nil, "", database.BadCursor()
		}
	}
	entries = []models.AuditEntry{}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return f.of(q, m).Where("seq < ?", before).Order("seq DESC").Limit(limit + 1).Find(&entries).Error
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the audit: %w", err)
	}
	if len(entries) > limit {
		entries = entries[:limit]
		next = strconv.FormatInt(entries[limit-1].Seq, 10)
	}
	return entries, next, nil
}

// page is how many entries are in memory at once when all are read.
const page = 1000

// Each gives all entries under a filter, oldest first, some at a time, for as long as take does not fail.
func (s *Service) Each(ctx context.Context, m models.MerchantID, f Filter, take func([]models.AuditEntry) error) error {
	for after := int64(0); ; {
		var entries []models.AuditEntry
		err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
			return f.of(q, m).Where("seq > ?", after).Order("seq").Limit(page).Find(&entries).Error
		})
		if err != nil {
			return fmt.Errorf("read the audit: %w", err)
		}
		if err := take(entries); err != nil || len(entries) < page {
			return err
		}
		after = entries[len(entries)-1].Seq
	}
}

// Merchants lists whose audits there are: those of all merchants, and the installation's own.
func (s *Service) Merchants(ctx context.Context) ([]models.MerchantID, error) {
	all := []models.MerchantID{}
	if err := s.db.Read(ctx).Raw("SELECT id FROM merchants ORDER BY id").Scan(&all).Error; err != nil {
		return nil, fmt.Errorf("list merchants: %w", database.Err(err))
	}
	return append([]models.MerchantID{Installation}, all...), nil
}

// Report is what a look at a whole chain found.
type Report struct {
	Entries int64  // how many fit
	Head    []byte // the hash of the last that fits: whoever notes it elsewhere sees later whether the chain still leads there
	Broken  *Break // nil: the chain is whole
}

// Break is the first place where a chain does not hold.
type Break struct {
	Seq int64 // the entry that does not fit, or is missing
	Why string
}

// Verify walks a merchant's chain from its first entry to its head. It sees the chain as it is when it begins, whatever is entered
// meanwhile, and holds no more than a page of it in memory.
func (s *Service) Verify(ctx context.Context, m models.MerchantID) (r Report, err error) {
	err = s.db.Of(m).InSnapshot(ctx, func(q *gorm.DB) error {
		var heads []struct {
			Seq  int64
			Hash []byte
		}
		if err := q.Raw("SELECT seq, hash FROM audit_heads WHERE merchant_id = ?", m).Scan(&heads).Error; err != nil {
			return err
		}
		r = Report{}
		for {
			var entries []models.AuditEntry
			if err := q.Where("merchant_id = ? AND seq > ?", m, r.Entries).Order("seq").Limit(page).Find(&entries).Error; err != nil {
				return err
			}
			if r.follow(entries); r.Broken != nil {
				return nil
			}
			if len(entries) < page {
				break
			}
		}
		switch {
		case len(heads) == 0 && r.Entries == 0: // nobody has done anything yet
		case len(heads) == 0:
			r.Broken = &Break{1, "The chain has entries and no head."}
		case heads[0].Seq > r.Entries:
			r.Broken = &Break{r.Entries + 1, fmt.Sprintf("The last entries are missing: the head tells of %d.", heads[0].Seq)}
		case heads[0].Seq < r.Entries:
			r.Broken = &Break{heads[0].Seq + 1, fmt.Sprintf("There are more entries than the head tells of, which are %d.", heads[0].Seq)}
		case !bytes.Equal(heads[0].Hash, r.Head):
			r.Broken = &Break{r.Entries, "The head has another hash than the last entry."}
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("verify the audit: %w", err)
	}
	return r, nil
}

// follow goes along the chain for as long as it holds.
func (r *Report) follow(entries []models.AuditEntry) {
	for _, e := range entries {
		if e.Seq != r.Entries+1 {
			r.Broken = &Break{r.Entries + 1, "The entry is missing."}
			return
		}
		if !bytes.Equal(e.Hash, hashOf(e, r.Head)) {
			r.Broken = &Break{e.Seq, "The entry is not what was entered, or not where."}
			return
		}
		r.Entries, r.Head = e.Seq, e.Hash
	}
}
