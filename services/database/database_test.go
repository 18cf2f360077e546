package database_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
)

type probeArgs struct {
	N int `json:"n"`
}

func (probeArgs) Kind() string { return "probe" }

func count(t *testing.T, db *database.DB, query string) (n int) {
	t.Helper()
	if err := db.Read(t.Context()).Raw(query).Row().Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insertMerchant(tx database.Tx) error {
	return tx.Exec("INSERT INTO merchants (id, name, zone, created_at) VALUES (?, 'm', 'UTC', ?)", database.NewID(), tx.Now).Error
}

// A row and the job that it makes necessary commit or vanish together.
func TestRowAndJobShareOneTransaction(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	cases := []struct {
		name       string
		run        func(ctx context.Context, db *database.DB) error
		rows, jobs int
	}{
		{"commit", func(ctx context.Context, db *database.DB) error {
			return db.InTx(ctx, func(tx database.Tx) error { return errors.Join(insertMerchant(tx), tx.Enqueue(probeArgs{1})) })
		}, 1, 1},
		{"many jobs", func(ctx context.Context, db *database.DB) error {
			return db.InTx(ctx, func(tx database.Tx) error {
				return errors.Join(insertMerchant(tx), tx.EnqueueMany([]river.JobArgs{probeArgs{1}, probeArgs{2}}), tx.EnqueueMany(nil))
			})
		}, 1, 2},
		{"error after both", func(ctx context.Context, db *database.DB) error {
			_ = db.InTx(ctx, func(tx database.Tx) error {
				return errors.Join(insertMerchant(tx), tx.Enqueue(probeArgs{1}), broken)
			})
			return nil
		}, 0, 0},
		{"panic after both", func(ctx context.Context, db *database.DB) error {
			defer func() { _ = recover() }()
			return db.InTx(ctx, func(tx database.Tx) error {
				_ = errors.Join(insertMerchant(tx), tx.Enqueue(probeArgs{1}))
				panic("on purpose")
			})
		}, 0, 0},
		{"cancelled", func(ctx context.Context, db *database.DB) error {
			ctx, cancel := context.WithCancel(ctx)
			_ = db.InTx(ctx, func(tx database.Tx) error {
				err := errors.Join(insertMerchant(tx), tx.Enqueue(probeArgs{1}))
				cancel()
				return err
			})
			return nil
		}, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.New(t)
			if err := c.run(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			if rows, jobs := count(t, db, "SELECT count(*) FROM merchants"), count(t, db, "SELECT count(*) FROM river_job"); rows != c.rows || jobs != c.jobs {
				t.Errorf("%d rows and %d jobs, want %d and %d", rows, jobs, c.rows, c.jobs)
			}
		})
	}
}

func TestConstraintsBecomeTheErrorsTheyStandFor(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	route := func() error {
		return db.InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("INSERT INTO directory (platform, external_id, merchant_id, connection_id) VALUES ('wix', 'a', ?, ?)", database.NewID(), database.NewID()).Error
		})
	}
	if err := route(); err != nil {
		t.Fatal(err)
	}
	err := route()
	if !errors.Is(err, models.Conflict) || models.AsError(err).Code != "connected_elsewhere" {
		t.Errorf("got %v", err)
	}
}

func TestADatabaseThatIsGoneIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := database.Open(t.Context(), database.Options{URL: "host=/nowhere/at/all user=x dbname=y"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.InTx(t.Context(), func(database.Tx) error { return nil })
	if !errors.Is(err, models.Unavailable) {
		t.Errorf("got %v", err)
	}
	if err := db.Ready(t.Context()); !errors.Is(err, models.Unavailable) {
		t.Errorf("ready says %v", err)
	}
}

func TestReadyWantsMigrations(t *testing.T) {
	t.Parallel()
	url := databasetest.EmptyURL(t)
	db, err := database.Open(t.Context(), database.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "migrat") {
		t.Errorf("an empty database is ready: %v", err)
	}
	for range 2 { // the second run has nothing to do
		if err := database.Migrate(t.Context(), url, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// Tables that no merchant has rows of his own in, each with why.
var withoutTenant = map[string]string{
	"merchants": "is the list of them", "goose_db_version": "what has been migrated",
	"directory": "finds the merchant of what comes from outside", "api_keys": "finds the merchant of a key", "connect_states": "finds the merchant of a consent that comes back",
	"orphan_inbox": "of accounts that are nobody's yet", "platform_budgets": "an app's, which merchants share", "budget_use": "an app's, which merchants share",
	"check_stretch": "an app's, which merchants share",
	"people":        "may belong to several merchants", "memberships": "finds the merchants of a person", "support_views": "finds the merchant that support looks at",
	"passkeys": "a person's", "sessions": "a person's", "one_time_tokens": "finds what a link is for, before anybody has signed in", "tries": "counted before anybody has signed in",
}

// design.md section 5: merchant_id comes first in every primary key, unique constraint, foreign key and index of a tenant's
// table; no triggers, no sequences. This is what lets the schema be distributed by merchant.
// While machines are replaced one by one, and when that is taken back, a release meets a database that a later one has migrated.
func TestADatabaseOfANewerReleaseIsGoodEnough(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t)
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(t.Context()) }()
	for _, later := range []string{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)", "INSERT INTO river_migration (line, version) VALUES ('main', 999)"} {
		if _, err := owner.Exec(t.Context(), later); err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := database.Migrate(t.Context(), url, quiet); err != nil {
		t.Errorf("it is not left alone: %v", err)
	}
	db, err := database.Open(t.Context(), database.Options{URL: url, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := errors.Join(db.CheckWalls(t.Context()), db.Ready(t.Context())); err != nil {
		t.Errorf("it is not good enough: %v", err)
	}
}

func TestMerchantComesFirstInEveryKey(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	var rows []struct{ Kind, Tbl, Name, First string }
	err := db.Read(t.Context()).Raw(`
		SELECT CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisunique THEN 'unique' ELSE 'index' END AS kind,
			t.relname AS tbl, x.relname AS name, a.attname AS first
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = t.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
		WHERE n.nspname = 'public'
		UNION ALL
		SELECT 'foreign key', t.relname, c.conname, a.attname
		FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'f' AND n.nspname = 'public'
		UNION ALL
		SELECT 'referenced key', t.relname, c.conname, a.attname
		FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = c.confkey[1]
		WHERE c.contype = 'f' AND n.nspname = 'public' AND r.relname <> 'merchants'
		UNION ALL
		SELECT 'trigger', t.relname, g.tgname, '' FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE n.nspname = 'public' AND NOT g.tgisinternal
		UNION ALL
		SELECT 'sequence', t.relname, s.relname, '' FROM pg_class s JOIN pg_depend d ON d.objid = s.oid JOIN pg_class t ON t.oid = d.refobjid
		JOIN pg_namespace n ON n.oid = s.relnamespace WHERE s.relkind = 'S' AND n.nspname = 'public' AND d.deptype IN ('a', 'i')
	`).Scan(&rows).Error
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]bool{}
	for _, r := range rows {
		if withoutTenant[r.Tbl] != "" || strings.HasPrefix(r.Tbl, "river_") {
			continue
		}
		tables[r.Tbl] = true
		if r.First != "merchant_id" {
			t.Errorf("%s %s of %s begins with %q", r.Kind, r.Name, r.Tbl, r.First)
		}
	}
	if len(tables) < 17 {
		t.Errorf("only %d tenant tables were looked at: %v", len(tables), tables)
	}
}

// Every column that holds one of our enums has a CHECK, and every word of a Go enum passes it.
func TestEnumColumnsAreChecked(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	words := func(table, column string) string {
		var def string
		err := db.Read(t.Context()).Raw(`SELECT coalesce(string_agg(pg_get_constraintdef(c.oid), ' '), '') FROM pg_constraint c
			JOIN pg_class r ON r.oid = c.conrelid JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = ANY (c.conkey)
			WHERE c.contype = 'c' AND r.relname = ? AND a.attname = ?`, table, column).Row().Scan(&def)
		if err != nil {
			t.Fatal(err)
		}
		return def
	}
	var placement []string
	for s, nexts := range models.PlacementNext {
		placement = append(placement, string(s))
		for _, n := range nexts {
			placement = append(placement, string(n))
		}
	}
	var pushes []string
	for s := range models.PushNext {
		pushes = append(pushes, string(s))
	}
	var tabs []string
	for _, tab := range models.Tabs() {
		tabs = append(tabs, string(tab))
	}
	cases := []struct {
		table, column string
		words         []string
	}{
		{"orders", "tab", tabs},
		{"orders", "gate", []string{"open", "shut", "cancelled", "rejected", "refunded"}},
		{"order_lines", "role", []string{"dropship", "own", "no_shipping"}},
		{"product_mappings", "role", []string{"dropship", "own"}},
		{"supplier_orders", "state", placement},
		{"supplier_orders", "stage", []string{"unpaid", "paid", "shipped", "finished", "closed"}},
		{"supplier_orders", "origin", []string{"placed", "linked"}},
		{"placement_attempts", "class", []string{"placed", "rejected", "not_executed", "unknown"}},
		{"pushes", "state", pushes},
		{"connections", "state", []string{"active", "needs_reauth", "removed"}},
		{"connections", "platform", []string{"wix", "aliexpress"}},
		{"directory", "platform", []string{"wix", "aliexpress"}},
		{"flags", "owner", []string{"merchant", "supplier", "waybill"}},
		{"flags", "code", []string{"no_supplier", "place_unknown", "needs_reauth", "app_removed"}},
		{"events", "source", []string{"webhook", "push", "poll", "sweep", "manual", "person", "engine"}},
		{"inbox", "outcome", []string{"applied", "unchanged", "ignored", "unmatched"}},
		{"sync_jobs", "state", []string{"queued", "running", "done", "cancelled"}},
		{"sync_jobs", "direction", []string{"from_store", "from_supplier", "to_store", "all"}},
		{"sync_job_items", "outcome", []string{"changed", "unchanged", "refused", "unreachable"}},
		{"tab_counts", "view", append(tabs, "attention")},
	}
	for _, c := range cases {
		def := words(c.table, c.column)
		for _, w := range c.words {
			if !strings.Contains(def, "'"+w+"'") {
				t.Errorf("%s.%s: no CHECK allows %q", c.table, c.column, w)
			}
		}
	}
}
