// Package databasetest gives every test a PostgreSQL database of its own: a clone of a template that is migrated once per
// test binary, in a private server that ends with the binary. Without PostgreSQL tests fail; they are never skipped.
package databasetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"waybill/services/database"
	"waybill/services/database/localpg"
)

var (
	// One server per test binary; it is on a leash and needs no stopping.
	server = sync.OnceValues(start)
	clones atomic.Int64
)

const template = "template_waybill"

func start() (*localpg.Server, error) {
	ctx := context.Background()
	temp := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		temp = "/dev/shm" // ten times faster than a disk
	}
	s, err := localpg.Start(ctx, localpg.Options{Scratch: true, TempDir: temp, ExtraArgs: []string{"-c", "synchronous_commit=off"}})
	if err != nil {
		return nil, err
	}
	if err := s.CreateDatabase(ctx, template, false); err != nil {
		return nil, err
	}
	return s, database.Migrate(ctx, s.URL(template), slog.New(slog.DiscardHandler))
}

// URL makes a fresh migrated database and returns its owner's URL, who is a superuser. What opens it works as the program's role.
func URL(t testing.TB) string {
	t.Helper()
	return clone(t, template)
}

// EmptyURL makes a database without any table.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return clone(t, "template1")
}

func clone(t testing.TB, from string) string {
	t.Helper()
	ctx := context.Background()
	s, err := server()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	admin, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer func() { _ = admin.Close(ctx) }()
	name := fmt.Sprintf("test_%d", clones.Add(1))
	if _, err := admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, from)); err != nil {
		t.Fatalf("clone the template: %v", err)
	}
	return s.URL(name)
}

// owners are the ways around the walls of the databases that New has opened.
var owners sync.Map

// New opens a fresh migrated database that is closed with the test. The test fails where the program sends a statement to a tenant's table without
// binding it to a merchant (see Unbound), unless it reads with database.DB.Across.
func New(t testing.TB) *database.DB {
	t.Helper()
	return Watched(t, tenancy{t})
}

// Watched is New with somebody who sees every statement.
func Watched(t testing.TB, by pgx.QueryTracer) *database.DB {
	t.Helper()
	url := URL(t)
	db, err := database.Open(context.Background(), database.Options{URL: url, MaxConns: 10, Log: slog.New(slog.DiscardHandler), Tracer: by})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(db.Close)
	owners.Store(db, sync.OnceValues(func() (*gorm.DB, error) {
		owner, err := gorm.Open(postgres.Open(url), &gorm.Config{SkipDefaultTransaction: true, QueryFields: true, Logger: logger.Discard})
		if err != nil {
			return nil, err
		}
		pool, err := owner.DB()
		t.Cleanup(func() {
			owners.Delete(db)
			_ = pool.Close()
		})
		return owner, err
	}))
	return db
}

// fataler is a test, or one of the many runs of a property test.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Owner is the way around the walls of a database that New has opened: it sees and writes the rows of all merchants, and may change the
// schema. It arranges facts and looks at them; what is tested goes through the database itself.
func Owner(t fataler, db *database.DB) *gorm.DB {
	t.Helper()
	open, ok := owners.Load(db)
	if !ok {
		t.Fatal("this database was not opened by New")
	}
	owner, err := open.(func() (*gorm.DB, error))()
	if err != nil {
		t.Fatalf("open the test database as its owner: %v", err)
	}
	return owner
}

// TenantTables are the tables in which merchants have rows of their own.
func TenantTables(t testing.TB) map[string]bool {
	t.Helper()
	tables, err := tenantTables()
	if err != nil {
		t.Fatalf("list the tenants' tables: %v", err)
	}
	return tables
}

var tenantTables = sync.OnceValues(func() (map[string]bool, error) {
	s, err := server()
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return nil, err
	}
	// Nobody may be in the template while it is cloned, so a clone is looked at.
	_, err = conn.Exec(ctx, "CREATE DATABASE tables_of_the_template TEMPLATE "+template+" STRATEGY file_copy")
	_ = conn.Close(ctx)
	if err != nil {
		return nil, err
	}
	if conn, err = pgx.Connect(ctx, s.URL("tables_of_the_template")); err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')")
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	tables := map[string]bool{}
	for _, name := range names {
		tables[name] = true
	}
	return tables, err
})

// tenancy looks at every statement of a test's database.
type tenancy struct{ t testing.TB }

// judged is what is known of statements.
var judged sync.Map

// TraceQueryStart judges a statement.
func (c tenancy) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	c.judge(q.SQL)
	return ctx
}

// TraceBatchStart judges those that go together.
func (c tenancy) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		c.judge(q.SQL)
	}
	return ctx
}

func (c tenancy) judge(sql string) {
	wrong, known := judged.Load(sql)
	if !known {
		tables, err := tenantTables()
		if err != nil {
			return // the test has no database either
		}
		wrong = Unbound(sql, func(name string) bool { return tables[name] })
		judged.Store(sql, wrong)
	}
	if wrong != "" && ours() {
		judged.Store(sql, "") // told once is enough
		c.t.Errorf("%s: %s", wrong, sql)
	}
}

// TraceQueryEnd has nothing to add.
func (tenancy) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchQuery has nothing to add.
func (tenancy) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd has nothing to add.
func (tenancy) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// ours is false for what a test says itself, and inside of database.DB.Across.
func ours() bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	said := false
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "database.(*DB).Across") {
			return false
		}
		if !said && strings.HasPrefix(frame.Function, "waybill/") && !strings.Contains(frame.Function, "services/database.") && !strings.Contains(frame.Function, "services/database/databasetest.") {
			said = true
			if strings.HasSuffix(frame.File, "_test.go") {
				return false
			}
		}
		if !more {
			return said
		}
	}
}
