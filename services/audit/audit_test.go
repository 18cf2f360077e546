package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/database/databasetest"
)

const (
	merchant = models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11")
	other    = models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f12")
)

func enter(t testing.TB, db *database.DB, m models.MerchantID, acts ...audit.Act) {
	t.Helper()
	ctx := audit.In(t.Context(), models.Request{ID: "request", Client: "192.0.2.7"})
	err := db.Of(m).InTx(ctx, func(tx database.Tx) error {
		for _, a := range acts {
			if err := audit.Append(tx, m, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, db *database.DB, m models.MerchantID) audit.Report {
	t.Helper()
	r, err := audit.New(db).Verify(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// some are entries of every kind: with text that is no ASCII, with nothing, with numbers that JSON could write in two ways.
func some(n int) []audit.Act {
	acts := make([]audit.Act, n)
	for i := range acts {
		acts[i] = audit.Act{
			By: models.Actor(fmt.Sprintf("api:key %d", i%3)), What: models.ActHeld,
			Subject: models.AuditSubject{Kind: "order", ID: models.ID(fmt.Sprint(i))}, Reason: "Jörg, 3:abc, \"x\"\n", Detail: map[string]any{"n": 1e21, "half": 0.5, "é": nil},
		}
	}
	return append(acts, audit.Act{By: models.ActorSystem, What: models.ActReleased})
}

// Whatever is done to what was entered, it is found, and where; the chain of another merchant is none the worse.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		sql string
		at  int64
	}{
		"merchant":            {"UPDATE audit_entries SET merchant_id = '0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f13' WHERE merchant_id = @m AND seq = 4", 4},
		"time":                {"UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE merchant_id = @m AND seq = 4", 4},
		"actor":               {"UPDATE audit_entries SET actor = 'api:key' WHERE merchant_id = @m AND seq = 4", 4},
		"act":                 {"UPDATE audit_entries SET act = 'released' WHERE merchant_id = @m AND seq = 4", 4},
		"kind of subject":     {"UPDATE audit_entries SET subject_kind = 'flag' WHERE merchant_id = @m AND seq = 4", 4},
		"subject":             {"UPDATE audit_entries SET subject_id = '5' WHERE merchant_id = @m AND seq = 4", 4},
		"reason":              {"UPDATE audit_entries SET reason = '' WHERE merchant_id = @m AND seq = 4", 4},
		"request":             {"UPDATE audit_entries SET request_id = 'r' WHERE merchant_id = @m AND seq = 4", 4},
		"address":             {"UPDATE audit_entries SET client = '192.0.2.8' WHERE merchant_id = @m AND seq = 4", 4},
		"detail":              {"UPDATE audit_entries SET detail = '{\"n\": 2}' WHERE merchant_id = @m AND seq = 4", 4},
		"spaces of detail":    {"UPDATE audit_entries SET detail = (' ' || detail)::json WHERE merchant_id = @m AND seq = 4", 4},
		"hash":                {"UPDATE audit_entries SET hash = sha256('x') WHERE merchant_id = @m AND seq = 4", 4},
		"from field to field": {"UPDATE audit_entries SET request_id = request_id || left(client, 1), client = substr(client, 2) WHERE merchant_id = @m AND seq = 4", 4},
		"the first is gone":   {"DELETE FROM audit_entries WHERE merchant_id = @m AND seq = 1", 1},
		"one is gone":         {"DELETE FROM audit_entries WHERE merchant_id = @m AND seq = 4", 4},
		"one is gone, and the others move up": {`WITH gone AS (DELETE FROM audit_entries WHERE merchant_id = @m AND seq >= 4 RETURNING *)
			INSERT INTO audit_entries SELECT merchant_id, seq - 1, at, actor, act, subject_kind, subject_id, reason, request_id, client, detail, hash FROM gone WHERE seq > 4`, 4},
		"two change places": {`UPDATE audit_entries a SET at = b.at, actor = b.actor, act = b.act, subject_kind = b.subject_kind, subject_id = b.subject_id, reason = b.reason,
			request_id = b.request_id, client = b.client, detail = b.detail, hash = b.hash FROM audit_entries b
			WHERE a.merchant_id = @m AND b.merchant_id = @m AND a.seq IN (4, 6) AND b.seq = 10 - a.seq`, 4},
		"the last is gone":              {"DELETE FROM audit_entries WHERE merchant_id = @m AND seq = 9", 9},
		"all are gone":                  {"DELETE FROM audit_entries WHERE merchant_id = @m", 1},
		"the head is gone":              {"DELETE FROM audit_heads WHERE merchant_id = @m", 1},
		"the last is gone for the head": {"UPDATE audit_heads SET seq = 8 WHERE merchant_id = @m", 9},
		"the head has another hash":     {"UPDATE audit_heads SET hash = sha256('x') WHERE merchant_id = @m", 9},
		"one is added": {`INSERT INTO audit_entries SELECT merchant_id, 10, at, actor, act, subject_kind, subject_id, reason, request_id, client, detail, hash FROM audit_entries
			WHERE merchant_id = @m AND seq = 9`, 10},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.New(t)
			enter(t, db, merchant, some(8)...)
			enter(t, db, other, some(2)...)
			if r := verify(t, db, merchant); r.Broken != nil || r.Entries != 9 || len(r.Head) != 32 {
				t.Fatalf("untouched: %+v", r)
			}
			res := databasetest.Owner(t, db).Exec(c.sql, map[string]any{"m": merchant})
			if res.Error != nil || res.RowsAffected == 0 {
				t.Fatal(res.RowsAffected, res.Error)
			}
			if r := verify(t, db, merchant); r.Broken == nil || r.Broken.Seq != c.at || r.Broken.Why == "" {
				t.Errorf("%+v, %+v", r, r.Broken)
			}
			if r := verify(t, db, other); r.Broken != nil || r.Entries != 3 {
				t.Errorf("the other's: %+v", r)
			}
		})
	}
}

// The program itself can only add.
func TestTheProgramMayOnlyAdd(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	enter(t, db, merchant, some(2)...)
	for _, sql := range []string{"UPDATE audit_entries SET reason = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries", "DELETE FROM audit_heads", "TRUNCATE audit_heads"} {
		err := db.Of(merchant).InTx(t.Context(), func(tx database.Tx) error { return tx.Exec(sql).Error })
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if r := verify(t, db, merchant); r.Broken != nil || r.Entries != 3 {
		t.Errorf("%+v", r)
	}
}

// The walk is not a walk of one page.
func TestALongChainIsWalkedWhole(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	enter(t, db, merchant, some(2500)...)
	if r := verify(t, db, merchant); r.Broken != nil || r.Entries != 2501 {
		t.Fatalf("%+v", r)
	}
	seen := 0
	err := audit.New(db).Each(t.Context(), merchant, audit.Filter{}, func(entries []models.AuditEntry) error {
		for _, e := range entries {
			if seen++; e.Seq != int64(seen) {
				return fmt.Errorf("entry %d comes as the %dth", e.Seq, seen)
			}
		}
		return nil
	})
	if err != nil || seen != 2501 {
		t.Errorf("%d, %v", seen, err)
	}
	if err := databasetest.Owner(t, db).Exec("UPDATE audit_entries SET reason = 'x' WHERE seq = 2222").Error; err != nil {
		t.Fatal(err)
	}
	if r := verify(t, db, merchant); r.Broken == nil || r.Broken.Seq != 2222 || r.Entries != 2221 {
		t.Errorf("%+v", r)
	}
}

// Two replicas that enter at once keep one chain without a gap, and what is rolled back was never there.
func TestReplicasKeepOneChain(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t)
	var all sync.WaitGroup
	replicas := make([]*database.DB, 2)
	for i := range replicas {
		db, err := database.Open(t.Context(), database.Options{URL: url, MaxConns: 5, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		replicas[i] = db
		for w := range 4 {
			all.Go(func() {
				for n := range 25 {
					err := db.Of(merchant).InTx(context.Background(), func(tx database.Tx) error {
						err := audit.Append(tx, merchant, audit.Act{By: models.Actor(fmt.Sprintf("api:%d.%d", i, w)), What: models.ActHeld, Detail: map[string]any{"n": n}})
						if err == nil && n%5 == 4 {
							return models.Errorf(models.Conflict, "on_purpose", "It is taken back.")
						}
						return err
					})
					if err != nil && !strings.Contains(err.Error(), "taken back") {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	if r := verify(t, replicas[0], merchant); r.Broken != nil || r.Entries != 2*4*20 {
		t.Errorf("%+v, %+v", r, r.Broken)
	}
}

func TestFiltersAndPages(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	enter(t, db, merchant, some(5)...)
	enter(t, db, other, some(5)...)
	s := audit.New(db)
	soon, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		filter audit.Filter
		want   string
	}{
		"all":     {audit.Filter{}, "654321"},
		"actor":   {audit.Filter{Actor: "api:key 1"}, "52"},
		"act":     {audit.Filter{Act: models.ActReleased}, "6"},
		"subject": {audit.Filter{Subject: "2"}, "3"},
		"time":    {audit.Filter{From: &before, To: &soon}, "654321"},
		"future":  {audit.Filter{From: &soon}, ""},
		"past":    {audit.Filter{To: &before}, ""},
	} {
		for _, limit := range []int{2, 100} {
			got, cursor := "", ""
			for {
				entries, next, err := s.List(t.Context(), merchant, c.filter, cursor, limit)
				if err != nil || len(entries) > limit {
					t.Fatal(len(entries), err)
				}
				for _, e := range entries {
					got += fmt.Sprint(e.Seq)
				}
				if cursor = next; next == "" {
					break
				}
			}
			if got != c.want {
				t.Errorf("%s by %d: %s, not %s", name, limit, got, c.want)
			}
		}
	}
	if _, _, err := s.List(t.Context(), merchant, audit.Filter{}, "x", 2); err == nil {
		t.Error("a cursor that no page gave")
	}
}

// go test ./services/audit -run '^$' -bench .
func BenchmarkVerify(b *testing.B) {
	db := databasetest.New(b)
	for range 10 {
		enter(b, db, merchant, some(999)...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := verify(b, db, merchant); r.Broken != nil || r.Entries != 10_000 {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkAppend(b *testing.B) {
	db := databasetest.New(b)
	for b.Loop() {
		enter(b, db, merchant, some(0)...)
	}
}
