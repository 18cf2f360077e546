package database_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
)

// Through a pooler many share few connections, statement by statement: nobody is taken for another, and what is asked does not depend on
// what was asked before on the same connection.
func TestMerchantsStayApartThroughAPooler(t *testing.T) {
	t.Parallel()
	p := databasetest.NewPooler(t)
	db, err := database.Open(t.Context(), database.Options{URL: p.Pooled, Direct: p.Direct, MaxConns: 12, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckWalls(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	merchants := []models.MerchantID{alice, bob}
	for _, m := range merchants {
		err := db.Of(m).InTx(t.Context(), func(tx database.Tx) error {
			return tx.Create(&models.Merchant{ID: m, Name: string(m), Zone: "UTC", CreatedAt: tx.Now}).Error
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all errgroup.Group
	for i := range 12 {
		m := merchants[i%2]
		all.Go(func() error {
			for n := range 30 {
				err := db.Of(m).InTx(t.Context(), func(tx database.Tx) error {
					return tx.Exec("INSERT INTO feed (merchant_id, id, xid, at, kind, subject_id, data) VALUES (?, ?, 1, now(), 'order', ?, '{}')", m, database.NewID(), m).Error
				})
				if err != nil {
					return fmt.Errorf("write %d of %s: %w", n, m, err)
				}
				err = db.Of(m).Read(t.Context(), func(q *gorm.DB) error {
					var seen []models.MerchantID
					if err := q.Raw("SELECT DISTINCT merchant_id FROM feed").Scan(&seen).Error; err != nil {
						return err
					}
					if len(seen) != 1 || seen[0] != m {
						return fmt.Errorf("%s sees rows of %v", m, seen)
					}
					return nil
				})
				if err != nil {
					return err
				}
				var none int
				if err := db.Read(t.Context()).Raw("SELECT count(*) FROM feed").Row().Scan(&none); err != nil || none != 0 {
					return fmt.Errorf("who is nobody sees %d rows, %w", none, err)
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// The role that is asked for as a session begins does not get through a pooler: a login with too many rights keeps its rights, and the
// program from starting.
func TestALoginAboveTheWallIsRefusedThroughAPooler(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t) // the owner's, as it would come through a pooler: without a role
	db, err := database.Open(t.Context(), database.Options{URL: url, Direct: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckWalls(t.Context()); err == nil || !strings.Contains(err.Error(), "a login that owns nothing") {
		t.Errorf("the owner's login is taken: %v", err)
	}
}
