package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"waybill/services/database/databasetest"
)

// Who may read the rows of all merchants, and what for. The database lets nobody write them.
var readAcross = map[string]string{
	"services/accounts.CheckKeys":         "start-up: is every key there that something is sealed with?",
	"services/accounts.rotateTokens":      "operator: seals anew what an old key has sealed, merchant by merchant",
	"services/accounts.ForgetLost":        "operator: what no key opens any more",
	"services/desk.Merchants":             "support: how merchants are",
	"services/desk.Search":                "support: any order by any number",
	"services/idempotency.ForgetOfPeople": "scheduler: named requests of staff, which belong to no merchant",
	"services/ordersync.Gauges":           "operator: what is behind",
	"services/ordersync.computeStretch":   "scheduler: how many checks are wished of all merchants together",
	"services/ordersync.dueRows":          "scheduler: who has work due?",
	"services/ordersync.takeStretch":      "scheduler: apps of merchants' own",
	"services/ordersync.wakeLost":         "scheduler: what was forgotten",
	"services/outgoing.wake":              "scheduler: who has webhooks and mail due?",
	"services/vault.RotateKeys":           "operator: seals merchants' keys anew, merchant by merchant",
}

// Every statement that is not named here is bound to a merchant: those of all tests are looked at as they are sent (databasetest.New), and
// those of the whole program in TestEveryStatementOfTheProgram.
func TestWhoReadsAcrossMerchants(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	err := filepath.WalkDir("../services", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name == "Across" || fn.Name.Name == "AcrossCopy" {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "Across" || s.Sel.Name == "AcrossCopy") {
					found[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")+"."+fn.Name.Name] = true
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for fn := range found {
		if readAcross[fn] == "" {
			t.Errorf("%s reads the rows of all merchants: bind it to one, or say here what for", fn)
		}
	}
	for fn, why := range readAcross {
		if !found[fn] {
			t.Errorf("%s is said to read across merchants (%s), and does not", fn, why)
		}
	}
}

// What reads a big table as a whole all the same, by how it begins.
var readsAll = map[string]string{"FROM river_job LIMIT 1)": "one row is enough to know that it can be read"}

// One order goes all the way round, everything that can be read is read, and the background does its rounds. Every statement that this sends is
// written down between the program and its database. Those of tenants' tables must be bound to a merchant, unless they are everybody's: of
// those there are only the ones of readAcross. And planned for a database in which each big table has a million rows, none may read one as a whole.
func TestEveryStatementOfTheProgram(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t)
	recorder := databasetest.Record(t, url)
	metrics := freeAddress(t)
	w := newWorld(t, recorder.URL(), "WAYBILL_ALIEXPRESS_PER_SECOND=1000", "WAYBILL_METRICS_LISTEN="+metrics)
	w.run()
	w.connect()
	ids := w.shippedOrder()
	w.readEverything(ids)
	scrape(t, metrics)
	for _, round := range []string{"FROM supplier_orders s JOIN connections c", "DELETE FROM feed", "UPDATE inbox SET body = NULL", "FROM webhook_endpoints e CROSS JOIN LATERAL", "digest IS NULL"} {
		w.await("the background asks "+round, func() bool {
			return slices.ContainsFunc(recorder.Statements(), func(s databasetest.Statement) bool { return strings.Contains(s.SQL, round) })
		})
	}
	w.terminate()

	statements := recorder.Statements()
	slices.SortFunc(statements, func(a, b databasetest.Statement) int { return strings.Compare(a.SQL, b.SQL) })
	tenants := databasetest.TenantTables(t)
	everybody, bound := 0, 0
	for _, s := range statements {
		wrong := databasetest.Unbound(s.SQL, func(name string) bool { return tenants[name] })
		switch {
		case s.Merchant == "*":
			everybody++
		case wrong != "":
			t.Errorf("%s: %s", wrong, s.SQL)
		case s.Merchant != "":
			bound++
		}
	}
	if everybody < 8 || bound < 100 {
		t.Errorf("only %d statements of merchants and %d of everybody were seen", bound, everybody)
	}
	planForAMillion(t, url, statements)
}

// readEverything asks for all that can be read of a merchant, with everything that lists can be narrowed by.
func (w *world) readEverything(ids knownIDs) {
	w.t.Helper()
	paths := []string{
		"/about", "/api-keys", "/audit?limit=2", "/audit?actor=system", "/audit?act=connection_made", "/audit?subject=" + ids.order, "/audit?from=2026-01-01T00:00:00Z", "/audit/export?format=csv", "/audit/verify",
		"/carriers", "/connections", "/connections/" + ids.store, "/dead-letters", "/erasures", "/flags", "/flags?sort=deadline", "/flags?code=no_supplier&owner=merchant", "/flags?snoozed=only&store_id=" + ids.store, "/me",
		"/mismatches", "/orders/counts", "/orders/counts?store_id=" + ids.store, "/orders/counts?q=Doe", "/orders/counts?country=US&flag=no_supplier", "/orders/export?tab=fulfilled", "/orders/" + ids.order,
		"/orders/" + ids.order + "/explanation", "/orders/" + ids.order + "/timeline?limit=5", "/pay-list", "/pay-list?account_id=" + ids.account, "/pay-list?store_id=" + ids.store, "/people", "/product-mappings",
		"/product-mappings?store_id=" + ids.store, "/product-mappings/wanted", "/product-mappings/" + ids.mapping, "/settings", "/suppliers", "/sync-health", "/sync-health/history?range=24h",
		"/sync-health/history?range=30d&connection_id=" + ids.store, "/sync-jobs", "/sync-jobs?state=done", "/sync-jobs?trigger=manual", "/sync-jobs/" + ids.syncJob, "/sync-jobs/" + ids.syncJob + "/items", "/views", "/webhook-endpoints",
	}
	for _, narrowed := range []string{"", "&store_id=" + ids.store, "&flag=no_supplier", "&country=US", "&supplier=1", "&q=Doe", "&q=10001", "&q=jane@example.com", "&placed_from=2026-01-01T00:00:00Z&placed_to=2036-01-01T00:00:00Z"} {
		for _, view := range []string{"", "&tab=fulfilled", "&view=attention", "&tab=closed", "&tab=awaiting_order&sort=deadline", "&sort=deadline"} {
			paths = append(paths, "/orders?limit=2"+narrowed+view)
		}
	}
	for _, path := range paths {
		a := w.call(http.MethodGet, path, nil)
		if a.status != http.StatusOK {
			w.t.Errorf("%s: %d %s", path, a.status, a.body)
			continue
		}
		var page struct {
			Next string `json:"next_cursor"`
		}
		if strings.HasPrefix(path, "/orders?") {
			if a.into(w.t, &page); page.Next != "" {
				w.do(http.MethodGet, path+"&cursor="+page.Next, nil, http.StatusOK, nil)
			}
		}
	}
}

// The tables that grow with history, and what a copy of a row has in place of what the row has: @ is the column, i the copy's number, which is of the shop i % shops.
var grows = map[string]map[string]string{
	"orders": {
		"tab": "(ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'fulfilled', 'fulfilled', 'closed'])[1 + i % 8]", "final": "i % 8 > 3",
		"next_check_at": "CASE WHEN i % 8 < 4 THEN now() + i * interval '1 minute' END", "open_flags": "CASE WHEN i % 20 = 0 THEN 1 ELSE 0 END",
	},
	"order_checks":    {"due_at": "now() + i * interval '1 minute'"},
	"supplier_orders": {"stage": "(ARRAY['unpaid', 'paid', 'shipped', 'finished', 'finished', 'finished', 'finished', 'finished', 'finished', 'finished'])[1 + i % 10]"},
	"flags":           {"closed_at": "CASE WHEN i % 20 > 0 THEN now() END"},
	"river_job":       {"unique_key": "NULL", "unique_states": "NULL"},
	"audit_entries":   {"seq": "@ + i * 1000"},
	"feed":            {}, "order_lines": {}, "order_payloads": {}, "order_keys": {}, "supplier_order_lines": {}, "placement_attempts": {}, "parcels": {}, "parcel_items": {}, "pushes": {}, "events": {},
	"store_fulfillments": {}, "sync_jobs": {}, "sync_job_items": {}, "inbox": {},
}

const (
	shops = 50
	many  = 1_000_000
	real  = 8_000 // rows that are truly there
)

// planForAMillion makes the planner believe that the tables have a million rows each, of 50 merchants, and plans every statement for it. There are
// some thousand real rows, from which the statistics come; the rest of the files is a hole, which costs nothing: the planner asks how many pages
// a table has and multiplies.
func planForAMillion(t *testing.T, url string, statements []databasetest.Statement) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	big := map[string]bool{}
	for _, table := range slices.Sorted(maps.Keys(grows)) {
		for _, leaf := range multiply(t, conn, table) {
			big[leaf] = true
		}
	}
	for _, must := range []string{"orders", "river_job"} {
		if !big[must] {
			t.Fatalf("%s did not grow: %v", must, big)
		}
	}
	planned, used := 0, map[string]bool{}
	for _, s := range statements {
		if !planable.MatchString(s.SQL) {
			continue
		}
		planned++
		for how, plan := range plans(t, conn, s) {
			for _, scan := range wholeTable.FindAllStringSubmatch(plan, -1) {
				if !big[scan[1]] {
					continue
				}
				excused := false
				for part, why := range readsAll {
					if strings.Contains(s.SQL, part) {
						excused, used[part] = why != "", true
					}
				}
				if !excused {
					t.Errorf("planned %s, it reads the whole of %s: %s\n%s", how, scan[1], s.SQL, plan)
				}
			}
		}
	}
	if planned < 150 {
		t.Errorf("only %d statements were planned", planned)
	}
	for part, why := range readsAll {
		if !used[part] {
			t.Errorf("%q is excused (%s), and there is no need", part, why)
		}
	}
}

// planable are statements with a plan. River's begin with their name.
var planable = regexp.MustCompile(`(?is)^\s*(--[^\n]*\n\s*)*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

var wholeTable = regexp.MustCompile(`Seq Scan on (\w+)`)

// multiply copies a table's rows, with identities and times of their own that belong together across tables, and makes its files as long as if
// there were a million. It returns the tables that hold them: itself or its partitions.
func multiply(t *testing.T, conn *pgx.Conn, table string) (leaves []string) {
	t.Helper()
	ctx := t.Context()
	rows, err := conn.Query(ctx, `SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, table)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Type string }])
	if err != nil {
		t.Fatal(err)
	}
	var names, values []string
	for _, c := range columns {
		if table == "river_job" && c.Name == "id" { // the sequence gives it
			continue
		}
		value := "r." + c.Name
		mixed := func(with string) string { // the first 19 characters hold the time
			return "(left(" + value + "::text, 19) || '8' || substr(md5(" + value + "::text || " + with + "), 1, 3) || '-' || substr(md5(" + value + "::text || " + with + "), 4, 12))::uuid"
		}
		switch own := grows[table][c.Name]; {
		case own != "":
			value = strings.ReplaceAll(own, "@", value)
		case slices.Contains([]string{"merchant_id", "store_id", "account_id", "connection_id", "endpoint_id"}, c.Name):
			value = "CASE WHEN i % " + fmt.Sprint(shops) + " = 0 THEN " + value + " ELSE " + mixed("i % "+fmt.Sprint(shops)) + " END"
		case c.Type == "uuid":
			value = mixed("i")
		case c.Type == "timestamp with time zone":
			value += " - i * interval '17 minutes'"
		case c.Type == "text" && slices.Contains([]string{"external_id", "event_id", "entity_id", "out_order_id", "number", "tracking_number", "buyer_name", "buyer_email"}, c.Name):
			value = "CASE WHEN " + value + " = '' THEN '' ELSE " + value + " || '-' || i END"
		}
		names, values = append(names, c.Name), append(values, value)
	}
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	do("SET session_replication_role = replica") // foreign keys hold by how copies are made
	do(`INSERT INTO ` + table + ` (` + strings.Join(names, ", ") + `) SELECT ` + strings.Join(values, ", ") + ` FROM (SELECT *, count(*) OVER () AS all_rows FROM (SELECT * FROM ` + table + ` LIMIT 40) few) r
		CROSS JOIN LATERAL generate_series(1, ` + fmt.Sprint(real) + ` / r.all_rows) i ON CONFLICT DO NOTHING`)
	do("ANALYZE " + table)
	rows, err = conn.Query(ctx, `SELECT c.oid::int8, c.relname, c.reltuples::float8 FROM pg_class c WHERE relkind = 'r' AND reltuples > 0 AND (c.oid = $1::regclass OR EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = c.oid AND inhparent = $1::regclass))`, table)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		OID  int64
		Name string
		Rows float64
	}])
	if err != nil {
		t.Fatal(err)
	}
	all := 0.0
	for _, p := range parts {
		all += p.Rows
	}
	for _, p := range parts {
		if p.Rows < all/10 {
			continue
		}
		leaves = append(leaves, p.Name)
		do("ALTER TABLE " + p.Name + " SET (autovacuum_enabled = false)")
		rows, err := conn.Query(ctx, `SELECT current_setting('data_directory') || '/' || pg_relation_filepath(c), pg_relation_size(c) FROM (SELECT $1::int8::oid::regclass AS c UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = $1::int8::oid) f`, p.OID)
		if err != nil {
			t.Fatal(err)
		}
		files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			Path string
			Size int64
		}])
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			const page, most = 8192, 1 << 30 // a longer table has several files
			size := min(int64(float64(f.Size)*many/all)/page*page, most)
			if err := os.Truncate(f.Path, max(size, f.Size)); err != nil {
				t.Fatalf("make %s longer: %v", p.Name, err)
			}
		}
	}
	return leaves
}

// plans are how the database would answer a statement with the values that it was sent with, and with any, where it would ever choose that.
func plans(t *testing.T, conn *pgx.Conn, s databasetest.Statement) map[string]string {
	t.Helper()
	ctx := t.Context()
	raw := conn.PgConn()
	do := func(sql string) [][][]byte {
		t.Helper()
		results, err := raw.Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return results[len(results)-1].Rows
	}
	text := func(rows [][][]byte) string {
		var lines []string
		for _, r := range rows {
			lines = append(lines, string(r[0]))
		}
		return strings.Join(lines, "\n")
	}
	do("BEGIN; SET LOCAL ROLE waybill_app; SELECT set_config('waybill.merchant', '" + s.Merchant + "', true)")
	defer func() { do("ROLLBACK; DEALLOCATE ALL") }()
	answer := raw.ExecParams(ctx, "EXPLAIN "+s.SQL, s.Values, nil, s.Formats, nil).Read()
	if answer.Err != nil {
		t.Fatalf("%s: %v", s.SQL, answer.Err)
	}
	found := map[string]string{"with its values": text(answer.Rows)}
	if len(s.Values) > 0 {
		any := strings.TrimSuffix(strings.Repeat("NULL, ", len(s.Values)), ", ")
		generic := text(do("PREPARE generic AS " + s.SQL + "; SET LOCAL plan_cache_mode = force_generic_plan; EXPLAIN EXECUTE generic(" + any + ")"))
		if costOf(generic) <= costOf(found["with its values"])*1.1 {
			found["with any values"] = generic
		}
	}
	return found
}

func costOf(plan string) (cost float64) {
	if found := regexp.MustCompile(`cost=[\d.]+\.\.([\d.]+)`).FindStringSubmatch(plan); found != nil {
		_, _ = fmt.Sscan(found[1], &cost)
	}
	return cost
}
