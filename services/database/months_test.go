package database_test

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
)

// parts are a table's, oldest first.
func parts(t *testing.T, owner *gorm.DB, table string) (names []string) {
	t.Helper()
	err := owner.Raw("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = ?::regclass ORDER BY pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO .*')", table).Scan(&names).Error
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func monthOf(t time.Time, ahead int) string {
	return time.Date(t.Year(), t.Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC).Format("2006_01")
}

func TestMonthsAreMadeAheadAndOldOnesDropped(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	owner := databasetest.Owner(t, db)
	now := time.Now().UTC()
	do := func(sql string, args ...any) {
		t.Helper()
		if err := owner.Exec(sql, args...).Error; err != nil {
			t.Fatal(err)
		}
	}
	kept := database.Kept{Events: 400 * 24 * time.Hour}
	for _, table := range []string{"events", "sync_job_items"} {
		want := []string{table + "_before", table + "_" + monthOf(now, 2), table + "_" + monthOf(now, 3), table + "_other"}
		if got := parts(t, owner, table); !slices.Equal(got, want) {
			t.Fatalf("a fresh database has %v, want %v", got, want)
		}
		// As if nobody had made any for a while, and two old ones were left.
		do("DROP TABLE " + table + "_before, " + table + "_" + monthOf(now, 2) + ", " + table + "_" + monthOf(now, 3))
		do("CREATE TABLE " + table + "_old PARTITION OF " + table + " FOR VALUES FROM ('00000000-0000-7000-8000-000000000000') TO ('" + string(database.IDBefore(now.AddDate(0, 0, -401))) + "')")
		do("CREATE TABLE " + table + "_older PARTITION OF " + table + " FOR VALUES FROM ('" + string(database.IDBefore(now.AddDate(0, 0, -401))) + "') TO ('" + string(database.IDBefore(now.AddDate(0, 0, -399))) + "')")
	}
	for range 2 { // the second finds nothing to do
		if err := db.KeepMonths(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	months := func(table string) (names []string) {
		for ahead := range 4 {
			names = append(names, table+"_"+monthOf(now, ahead))
		}
		return append(names, table+"_other")
	}
	if got, want := parts(t, owner, "events"), append([]string{"events_older"}, months("events")...); !slices.Equal(got, want) {
		t.Errorf("events has %v, want %v", got, want)
	}
	if got, want := parts(t, owner, "sync_job_items"), append([]string{"sync_job_items_old", "sync_job_items_older"}, months("sync_job_items")...); !slices.Equal(got, want) {
		t.Errorf("sync_job_items has %v, want %v: what is kept for good is dropped", got, want)
	}
	var walled int64
	if err := owner.Raw("SELECT count(*) FROM pg_class WHERE relname = ANY (string_to_array(?, ',')) AND relrowsecurity AND relforcerowsecurity", strings.Join(append(months("events"), months("sync_job_items")...), ",")).Row().Scan(&walled); err != nil || walled != 10 {
		t.Errorf("%d of 10 parts stand behind the wall, %v", walled, err)
	}
}

// A clock that is wrong, or a program that has not run for long: what no month was made for is written and read all the same.
func TestWhatNoMonthWasMadeForIsKeptToo(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	owner := databasetest.Owner(t, db)
	order, far := database.NewID(), database.IDBefore(time.Now().AddDate(0, 5, 0))
	err := db.Of(alice).InTx(t.Context(), func(tx database.Tx) error {
		return tx.Exec("INSERT INTO events (merchant_id, id, order_id, at, kind, text, source, actor, reason, data) VALUES (?, ?, ?, now(), 'note', '', 'person', '', '', '{}')", alice, far, order).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.KeepMonths(t.Context(), database.Kept{}); err != nil {
		t.Error(err)
	}
	var in string
	if err := owner.Raw("SELECT tableoid::regclass::text FROM events WHERE order_id = ?", order).Row().Scan(&in); err != nil || in != "events_other" {
		t.Errorf("it is in %q, %v", in, err)
	}
	if err := owner.Exec("UPDATE events SET id = ? WHERE id = ?", database.NewID(), far).Error; err != nil { // now it is of a month that there is
		t.Fatal(err)
	}
	if err := owner.Raw("SELECT tableoid::regclass::text FROM events WHERE order_id = ?", order).Row().Scan(&in); err != nil || in != "events_before" {
		t.Errorf("it is in %q, %v", in, err)
	}
}

func TestTheProgramThrowsNothingAwayThatIsYoung(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	for _, call := range []string{"SELECT keep_months('events', '89 days')", "SELECT keep_months('events', '-1 day')", "SELECT keep_months('orders', NULL)", "SELECT keep_months('audit_entries', '1 year')"} {
		if err := db.Read(t.Context()).Exec(call).Error; stateOf(err) != "22023" {
			t.Errorf("%s: %v", call, err)
		}
	}
	if err := db.Read(t.Context()).Exec("DROP TABLE events_before").Error; stateOf(err) != "42501" {
		t.Errorf("%v", err)
	}
}

// A timeline is read along an index of each month since its order was made, and of none before.
func TestATimelineLeavesOutTheMonthsBeforeItsOrder(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	owner := databasetest.Owner(t, db)
	next := database.IDBefore(time.Now().AddDate(0, 3, 0)) // as if it were made then
	err := owner.Exec(`INSERT INTO events SELECT ?, (left(?, 24) || lpad(to_hex(i), 12, '0'))::uuid, gen_random_uuid(), now(), 'note', '', 'person', '', '', '{}' FROM generate_series(1, 5000) i`, alice, next).Error
	if err == nil {
		err = owner.Exec("ANALYZE events").Error
	}
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	err = db.Of(alice).Read(t.Context(), func(q *gorm.DB) error {
		return q.Raw("EXPLAIN SELECT * FROM events WHERE merchant_id = ? AND order_id = ? AND id >= ? ORDER BY id LIMIT 20", alice, next, database.IDBeforeAll(next)).Scan(&plan).Error
	})
	text := strings.Join(plan, "\n")
	if err != nil || strings.Contains(text, "events_before") || strings.Contains(text, "Seq Scan on events_2") || !strings.Contains(text, "_merchant_id_order_id_id_idx") {
		t.Errorf("%v\n%s", err, text)
	}
	if got := database.IDBeforeAll("0198a7f2-7c1e-4b5e-9d53-0b8f0f3c2f11"); got != "00000000-0000-0000-0000-000000000000" {
		t.Errorf("an id without a time leaves something out: %s", got)
	}
	if id := database.NewID(); database.IDBeforeAll(id) >= id || database.IDBeforeAll(id) < database.IDBefore(time.Now().Add(-2*time.Hour)) {
		t.Errorf("of %s: %s", id, database.IDBeforeAll(id))
	}
}

// An installation that has a history: what was there before the tables were cut by months is there after it, with its keys.
func TestWhatWasThereBeforeTheMonthsStays(t *testing.T) {
	t.Parallel()
	url := databasetest.EmptyURL(t)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	jobs, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err == nil {
		_, err = jobs.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	ours, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(pool), os.DirFS("migrations"))
	if err == nil {
		_, err = ours.UpTo(t.Context(), 17)
	}
	if err != nil {
		t.Fatal(err)
	}
	old, order, job := database.IDBefore(time.Now().AddDate(-1, 0, 0)), database.NewID(), database.NewID()
	for _, id := range []models.ID{old, database.NewID()} {
		if _, err := pool.Exec(t.Context(), "INSERT INTO events SELECT $1, $2, $3, now(), 'note', 'it stays', 'person', '', '', '{}'", string(alice), string(id), string(order)); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		"SET session_replication_role = replica", // what they belong to is of no interest here
		"INSERT INTO sync_job_items (merchant_id, job_id, order_id, outcome, before, after, why) VALUES ('" + string(alice) + "', '" + string(job) + "', '" + string(order) + "', '', '', '', '')",
		"RESET session_replication_role",
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	pool.Reset()
	if err := database.Migrate(t.Context(), url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Options{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var events, items int64
	err = db.Of(alice).InTx(t.Context(), func(tx database.Tx) error {
		if err := tx.Raw("SELECT (SELECT count(*) FROM events WHERE merchant_id = @m AND text = 'it stays'), (SELECT count(*) FROM sync_job_items WHERE merchant_id = @m AND job_id = @job)", map[string]any{"m": alice, "job": job}).Row().Scan(&events, &items); err != nil {
			return err
		}
		return tx.Exec("INSERT INTO events SELECT merchant_id, ?, order_id, at, kind, text, source, actor, reason, data FROM events WHERE merchant_id = ? AND id = ?", old, alice, old).Error
	})
	if events != 2 || items != 1 {
		t.Errorf("%d events and %d items are left", events, items)
	}
	if stateOf(err) != "23505" {
		t.Errorf("an event can be there twice: %v", err)
	}
}
