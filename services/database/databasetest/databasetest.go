// Package databasetest gives every test a PostgreSQL database of its own: a clone of a template that is migrated once per
// test binary, in a private server that ends with the binary. Without PostgreSQL tests fail; they are never skipped.
package databasetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

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
	db, err := database.Open(ctx, database.Options{URL: s.URL(template), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return s, db.Migrate(ctx)
}

// URL makes a fresh migrated database and returns its URL.
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

// New opens a fresh migrated database that is closed with the test.
func New(t testing.TB) *database.DB {
	t.Helper()
	db, err := database.Open(context.Background(), database.Options{URL: URL(t), MaxConns: 10, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}
