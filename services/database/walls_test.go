package database_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/database/localpg"
)

const (
	alice = models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11")
	bob   = models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f12")
)

// hasTenant selects the tables (t) that have a merchant_id.
const hasTenant = ` FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'merchant_id'
	WHERE n.nspname = 'public' AND t.relkind IN ('r', 'p') AND NOT a.attisdropped ORDER BY t.relname`

func TestEveryTenantTableIsBehindTheWall(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	var tables []struct {
		Name, Owner     string
		Enabled, Forced bool
		Policies        string
	}
	err := db.Read(t.Context()).Raw(`SELECT t.relname AS name, t.relowner::regrole::text AS owner, t.relrowsecurity AS enabled, t.relforcerowsecurity AS forced,
		(SELECT string_agg(concat_ws(' ', p.polname, p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, t.oid), 'check', pg_get_expr(p.polwithcheck, t.oid)), E'\n' ORDER BY p.polname)
			FROM pg_policy p WHERE p.polrelid = t.oid) AS policies` + hasTenant).Scan(&tables).Error
	if err != nil {
		t.Fatal(err)
	}
	mine := "(merchant_id = ( SELECT (NULLIF(NULLIF(current_setting('waybill.merchant'::text, true), ''::text), '*'::text))::uuid AS \"nullif\"))"
	want := strings.Join([]string{
		"tenant_delete d t {0} " + mine + " check", "tenant_insert a t {0} check " + mine,
		"tenant_read r t {0} (" + mine + " OR ( SELECT (current_setting('waybill.merchant'::text, true) = '*'::text))) check",
		"tenant_update w t {0} " + mine + " check " + mine,
	}, "\n")
	walled := 0
	for _, table := range tables {
		if table.Owner == database.Role {
			t.Errorf("%s belongs to the program", table.Name)
		}
		if withoutTenant[table.Name] != "" {
			continue
		}
		walled++
		if !table.Enabled || !table.Forced || table.Policies != want {
			t.Errorf("%s: row-level security enabled %t, forced %t, with the policies\n%s\nwant\n%s", table.Name, table.Enabled, table.Forced, table.Policies, want)
		}
	}
	if walled < 20 {
		t.Errorf("only %d tables were looked at", walled)
	}
}

// An index serves a query behind the wall only if its operators tell nothing of rows that are not to be seen.
func TestIndexesOfTenantTablesWorkBehindTheWall(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	var leaky []string
	err := db.Read(t.Context()).Raw(`SELECT DISTINCT x.relname || ': ' || o.amopopr::regoperator::text FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid AND t.relrowsecurity
		JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am am ON am.oid = x.relam CROSS JOIN LATERAL unnest(i.indclass) WITH ORDINALITY k (class, place)
		JOIN pg_opclass c ON c.oid = k.class JOIN pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype AND o.amoprighttype = c.opcintype
		JOIN pg_operator op ON op.oid = o.amopopr JOIN pg_proc p ON p.oid = op.oprcode WHERE NOT p.proleakproof
		UNION ALL SELECT x.relname || ': ' || pg_get_indexdef(x.oid) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid AND t.relrowsecurity JOIN pg_class x ON x.oid = i.indexrelid
		WHERE pg_get_expr(i.indexprs, t.oid) ~ '\w\(' AND pg_get_expr(i.indexprs, t.oid) !~ '^COALESCE\([^()]*\)$'`).Scan(&leaky).Error
	if err != nil {
		t.Fatal(err)
	}
	if len(leaky) > 0 {
		t.Errorf("no query can use these:\n%s", strings.Join(leaky, "\n"))
	}
}

// The rows are made up from the catalogue, so that a table which comes later is tried too.
func TestAMerchantSeesAndWritesNothingOfAnother(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	owner := databasetest.Owner(t, db)
	var tables []string
	parts := strings.Replace(hasTenant, "WHERE ", "WHERE NOT t.relispartition AND ", 1) // parts are filled through the whole
	if err := owner.Raw("SELECT t.relname" + parts).Scan(&tables).Error; err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if withoutTenant[table] != "" {
			continue
		}
		columns := inventRows(t, owner, table)
		t.Run(table, func(t *testing.T) { tryTheWall(t, db, table, columns) })
	}
}

// inventRows puts a row of alice and one of bob into a table, whatever its columns are, and returns those that can be written beside merchant_id.
func inventRows(t *testing.T, owner *gorm.DB, table string) string {
	t.Helper()
	var rules []string // what the rows mean is of no interest here
	if err := owner.Raw("SELECT conname FROM pg_constraint WHERE conrelid = ?::regclass AND contype IN ('c', 'f')", table).Scan(&rules).Error; err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		if err := owner.Exec("ALTER TABLE " + table + " DROP CONSTRAINT " + rule).Error; err != nil {
			t.Fatal(err)
		}
	}
	var columns []struct{ Name, Value string }
	err := owner.Raw(`SELECT attname AS name, CASE WHEN format_type(atttypid, NULL) LIKE '%[]' THEN '''{}''' ELSE CASE format_type(atttypid, NULL)
			WHEN 'uuid' THEN 'gen_random_uuid()' WHEN 'text' THEN '''x''' WHEN 'jsonb' THEN '''{}''' WHEN 'json' THEN '''{}''' WHEN 'boolean' THEN 'false' WHEN 'bytea' THEN '''x'''
			WHEN 'timestamp with time zone' THEN 'now()' WHEN 'date' THEN 'now()' WHEN 'interval' THEN '''1s''' WHEN 'inet' THEN '''::1''' ELSE '1' END END AS value
		FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'merchant_id' ORDER BY attnum`, table).Scan(&columns).Error
	if err != nil {
		t.Fatal(err)
	}
	var names, values []string
	for _, c := range columns {
		names, values = append(names, c.Name), append(values, c.Value)
	}
	list := strings.Join(names, ", ")
	for _, m := range []models.MerchantID{alice, bob} {
		if err := owner.Exec("INSERT INTO "+table+" (merchant_id, "+list+") SELECT ?, "+strings.Join(values, ", "), m).Error; err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	return list
}

// What the program may not do to rows of its own either.
var forbidden = map[string][]string{"audit_entries": {"change", "remove"}, "audit_heads": {"remove"}}

func tryTheWall(t *testing.T, db *database.DB, table, columns string) {
	t.Helper()
	for who, c := range map[string]struct {
		read func(func(*gorm.DB) error) error
		want []models.MerchantID
	}{
		"alice":    {func(look func(*gorm.DB) error) error { return db.Of(alice).Read(t.Context(), look) }, []models.MerchantID{alice}},
		"bob":      {func(look func(*gorm.DB) error) error { return db.Of(bob).InSnapshot(t.Context(), look) }, []models.MerchantID{bob}},
		"nobody":   {func(look func(*gorm.DB) error) error { return look(db.Read(t.Context())) }, nil},
		"everyone": {func(look func(*gorm.DB) error) error { return db.Across(t.Context(), look) }, []models.MerchantID{alice, bob}},
	} {
		var seen []models.MerchantID
		err := c.read(func(q *gorm.DB) error {
			return q.Raw("SELECT merchant_id FROM " + table + " ORDER BY 1").Scan(&seen).Error
		})
		if err != nil || !slices.Equal(seen, c.want) {
			t.Errorf("%s sees %v, want %v: %v", who, seen, c.want, err)
		}
	}
	write := func(sql string, args ...any) func(database.Tx) error {
		return func(tx database.Tx) error {
			res := tx.Exec(sql, args...)
			if res.Error == nil && res.RowsAffected != 0 {
				return fmt.Errorf("%d rows were written", res.RowsAffected)
			}
			return res.Error
		}
	}
	everybody := func(do func(database.Tx) error) func(database.Tx) error { // a mistake that no function of the package makes
		return func(tx database.Tx) error {
			return errors.Join(tx.Exec("SELECT set_config('waybill.merchant', '*', true)").Error, do(tx))
		}
	}
	add := write("INSERT INTO "+table+" (merchant_id, "+columns+") SELECT ?, "+columns+" FROM "+table+" LIMIT 1", bob)
	take := write("UPDATE "+table+" SET merchant_id = ? WHERE merchant_id = ?", bob, alice)
	change, remove := write("UPDATE "+table+" SET merchant_id = merchant_id WHERE merchant_id = ?", bob), write("DELETE FROM "+table+" WHERE merchant_id = ?", bob)
	for what, try := range map[string]struct {
		err     error
		refused bool
	}{
		"alice adds for bob":      {db.Of(alice).InTx(t.Context(), add), true},
		"alice gives to bob":      {db.Of(alice).InTx(t.Context(), take), true},
		"alice changes bob's":     {db.Of(alice).InTx(t.Context(), change), false},
		"alice removes bob's":     {db.Of(alice).InTx(t.Context(), remove), false},
		"nobody changes bob's":    {db.InTx(t.Context(), change), false},
		"nobody removes bob's":    {db.InTx(t.Context(), remove), false},
		"everybody adds for bob":  {db.InTx(t.Context(), everybody(add)), true},
		"everybody changes bob's": {db.InTx(t.Context(), everybody(change)), false},
		"everybody removes bob's": {db.InTx(t.Context(), everybody(remove)), false},
	} {
		for _, verb := range forbidden[table] {
			try.refused = try.refused || strings.Contains(what, verb)
		}
		if refused := stateOf(try.err) == "42501"; refused != try.refused || !refused && try.err != nil {
			t.Errorf("%s: %v", what, try.err)
		}
	}
	if err := db.Across(t.Context(), func(q *gorm.DB) error { return q.Exec("DELETE FROM "+table+" WHERE merchant_id = ?", bob).Error }); stateOf(err) != "25006" {
		t.Errorf("everybody writes while he reads: %v", err)
	}
	err := db.Of(bob).InTx(t.Context(), remove)
	if kept := slices.Contains(forbidden[table], "remove"); kept && stateOf(err) != "42501" || !kept && (err == nil || err.Error() != "1 rows were written") {
		t.Errorf("bob removes his own: %v", err)
	}
}

func stateOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func TestAMerchantThatIsNoneIsAMistakeOfOurs(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	for _, m := range []models.MerchantID{"", "*", "nonsense", alice + "'", "{" + alice + "}"} {
		read := func(*gorm.DB) error { t.Errorf("%q reads", m); return nil }
		for _, err := range []error{
			db.Of(m).Read(t.Context(), read), db.Of(m).InSnapshot(t.Context(), read),
			db.Of(m).InTx(t.Context(), func(database.Tx) error { t.Errorf("%q writes", m); return nil }),
		} {
			if err == nil || models.KindOf(err) != models.Internal {
				t.Errorf("%q: %v", m, err)
			}
		}
	}
}

// A connection that is given back to the pool takes no merchant with it, however its transaction ended.
func TestNoMerchantStaysBehindOnAConnection(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t)
	db, err := database.Open(t.Context(), database.Options{URL: url, MaxConns: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	broken := errors.New("broken")
	for name, use := range map[string]func() error{
		"read":        func() error { return db.Of(alice).Read(t.Context(), func(*gorm.DB) error { return nil }) },
		"failed read": func() error { return db.Of(alice).Read(t.Context(), func(*gorm.DB) error { return broken }) },
		"across":      func() error { return db.Across(t.Context(), func(*gorm.DB) error { return nil }) },
		"commit":      func() error { return db.Of(alice).InTx(t.Context(), func(database.Tx) error { return nil }) },
		"rollback":    func() error { return db.Of(alice).InTx(t.Context(), func(database.Tx) error { return broken }) },
		"panic": func() (err error) {
			defer func() { err = fmt.Errorf("%v: %w", recover(), broken) }()
			return db.Of(alice).InTx(t.Context(), func(database.Tx) error { panic("on purpose") })
		},
	} {
		if err := use(); err != nil && !errors.Is(err, broken) {
			t.Fatalf("%s: %v", name, err)
		}
		var left string
		if err := db.Read(t.Context()).Raw("SELECT coalesce(current_setting('waybill.merchant', true), '')").Row().Scan(&left); err != nil || left != "" {
			t.Errorf("after a %s the connection is still of %q, %v", name, left, err)
		}
	}
}

func TestTheProgramsRoleMayNotTearDownTheWall(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	var who, owned string
	if err := db.Read(t.Context()).Raw("SELECT current_user, coalesce((SELECT string_agg(relname, ', ') FROM pg_class WHERE relowner = current_user::regrole), '')").Row().Scan(&who, &owned); err != nil {
		t.Fatal(err)
	}
	if who != database.Role || owned != "" {
		t.Errorf("the program is %s and owns %s", who, owned)
	}
	if err := db.CheckWalls(t.Context()); err != nil {
		t.Error(err)
	}
	for _, statement := range []string{
		"ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY", "DROP POLICY tenant_read ON orders",
		"CREATE POLICY more ON orders USING (true)", "CREATE TABLE mine (id int)", "DROP TABLE orders", "TRUNCATE orders", "CREATE ROLE mine", "ALTER ROLE waybill_app BYPASSRLS",
		"UPDATE goose_db_version SET version_id = 0", "DELETE FROM river_migration",
	} {
		if err := db.Read(t.Context()).Exec(statement).Error; stateOf(err) != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if err := databasetest.Owner(t, db).Exec("ALTER TABLE saved_views OWNER TO waybill_app").Error; err != nil {
		t.Fatal(err)
	}
	if err := db.CheckWalls(t.Context()); err == nil || !strings.Contains(err.Error(), "owns") {
		t.Errorf("it owns a table, and that is said of it: %v", err)
	}
}

// as is the URL of the same database for another login.
func as(url, login string) string { return strings.Replace(url, "user=waybill ", "user="+login+" ", 1) }

// An operator's server: the owner of the database is nobody's superuser, and what serves may be a login that owns nothing.
func TestAnOwnerAndALoginThatOwnsNothing(t *testing.T) {
	t.Parallel()
	url := databasetest.EmptyURL(t)
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(t.Context()) }()
	for _, statement := range []string{
		"CREATE ROLE operator_owner LOGIN IN ROLE waybill_app", "CREATE ROLE operator_serve LOGIN IN ROLE waybill_app", "CREATE ROLE operator_stranger LOGIN", "GRANT CREATE, USAGE ON SCHEMA public TO operator_owner",
	} {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := database.Migrate(t.Context(), as(url, "operator_serve"), quiet); err == nil || !strings.Contains(err.Error(), "WAYBILL_OWNER_DATABASE_URL") {
		t.Errorf("who owns nothing migrates: %v", err)
	}
	for _, login := range []string{"operator_owner", "operator_owner", "operator_serve"} { // from the second on there is nothing to do
		if err := database.Migrate(t.Context(), as(url, login), quiet); err != nil {
			t.Fatalf("%s: %v", login, err)
		}
	}
	for login, said := range map[string]string{"operator_owner": "", "operator_serve": "", "operator_stranger": "GRANT waybill_app"} {
		db, err := database.Open(t.Context(), database.Options{URL: as(url, login), Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		err = db.CheckWalls(t.Context())
		if said != "" {
			if err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("%s: %v", login, err)
			}
			continue
		}
		if err := errors.Join(err, db.Ready(t.Context()), db.InTx(t.Context(), insertMerchant)); err != nil {
			t.Errorf("%s: %v", login, err)
		}
		if n := count(t, db, "SELECT count(*) FROM tab_counts"); n != 0 {
			t.Errorf("%s sees %d", login, n)
		}
	}
}

func TestARoleAboveTheWallIsRefused(t *testing.T) {
	t.Parallel()
	s, err := localpg.Start(t.Context(), localpg.Options{Scratch: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if err := s.CreateDatabase(t.Context(), "waybill", false); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	early, err := database.Open(t.Context(), database.Options{URL: s.URL("waybill"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if err := early.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "waybill migrate") { // there is no role to work as yet
		t.Errorf("ready says %v", err)
	}
	admin, err := pgx.Connect(t.Context(), s.URL("waybill"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(t.Context()) }()
	do := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE ROLE plain LOGIN")
	do("CREATE DATABASE plain OWNER plain")
	if err := database.Migrate(t.Context(), as(s.URL("plain"), "plain"), quiet); err == nil || !strings.Contains(err.Error(), "CREATE ROLE waybill_app") {
		t.Errorf("an owner who may make no roles: %v", err)
	}
	url := ""
	for range 2 { // as it is at every start
		if url, err = s.Login(t.Context(), "waybill_serve", database.Role, "waybill"); err != nil {
			t.Fatal(err)
		}
		if err := database.Migrate(t.Context(), s.URL("waybill"), quiet); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ attributes, said string }{{"LOGIN", ""}, {"BYPASSRLS", "NOBYPASSRLS"}, {"NOBYPASSRLS SUPERUSER", "NOSUPERUSER"}} {
		do("ALTER ROLE waybill_app " + c.attributes)
		db, err := database.Open(t.Context(), database.Options{URL: url, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.CheckWalls(t.Context()); c.said == "" && err != nil || c.said != "" && (err == nil || !strings.Contains(err.Error(), c.said)) {
			t.Errorf("%s: %v", c.attributes, err)
		}
	}
}
