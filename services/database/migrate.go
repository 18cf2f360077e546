package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock keeps two replicas from migrating at once.
const migrationLock = 7241306655

// Migrate brings the schema of a database up to date as its owner, whose login the URL holds: River's tables first, then ours. It does
// nothing when there is nothing to do, which any login may find out, and waits for another process that is migrating.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errBadURL
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.RuntimeParams["application_name"] = "waybill migrate"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer pool.Close()
	err = migrate(ctx, pool, log)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == insufficientPrivilege {
		return fmt.Errorf("the login of the database may not change its schema: run waybill migrate with the owner's (WAYBILL_OWNER_DATABASE_URL): %w", err)
	}
	return Err(err)
}

const insufficientPrivilege = "42501"

func migrate(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return err
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = conn.Exec(unlock, "SELECT pg_advisory_unlock($1)", migrationLock)
	}()
	jobs, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: log})
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	if _, err := jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	ours, err := gooseOn(pool)
	if err != nil {
		return err
	}
	if has, knows, err := ours.GetVersions(ctx); err == nil && has > knows {
		log.Info("the database is of a newer release: that is fine until this one's has gone", "database", has, "program", knows)
	}
	if pending, err := ours.HasPending(ctx); err != nil || !pending {
		return err
	}
	if _, err := ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func gooseOn(pool *pgxpool.Pool) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(pool), files)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

var errPending = errors.New("migrations are pending: run waybill migrate")

// Ready reports whether the database answers and is migrated, and the job queue's tables are there.
func (db *DB) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var migrated bool
	err := db.pool.QueryRow(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&migrated)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == invalidParameter || err == nil && !migrated { // there is no role to work as yet
		return errPending
	}
	if err != nil {
		return Err(err)
	}
	p, err := gooseOn(db.pool)
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return Err(err)
	}
	if pending {
		return errPending
	}
	var one int
	return Err(db.pool.QueryRow(ctx, "SELECT 1 FROM (SELECT 1 FROM river_job LIMIT 1) j UNION ALL SELECT 1 LIMIT 1").Scan(&one))
}

const invalidParameter = "22023"

// CheckWalls makes sure that row-level security holds for the program. The error tells the operator what to do.
func (db *DB) CheckWalls(ctx context.Context) error {
	var role string
	var super, bypass, owner, limited, citus bool
	err := db.pool.QueryRow(ctx, `SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT 1 FROM pg_class
			WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(current_user, relowner, 'MEMBER')),
			NOT EXISTS (SELECT 1 FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') AND setting = '0'),
			EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')
		FROM pg_roles WHERE rolname = current_user`).Scan(&role, &super, &bypass, &owner, &limited, &citus)
	db.distributed.Store(citus)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == insufficientPrivilege:
		return fmt.Errorf("the login of the database may not work as %s: let its administrator run GRANT %s TO <the login>: %w", Role, Role, err)
	case err != nil:
		return Err(err)
	case db.pooled && (super || bypass || owner):
		return fmt.Errorf("through a pooler Waybill has the rights of its login, and those of %s are above row-level security, so nothing would keep merchants apart: give DATABASE_URL a login that owns nothing and belongs to %s", role, Role)
	case super || bypass:
		return fmt.Errorf("the database role %s stands above row-level security, so nothing would keep merchants apart: run ALTER ROLE %s NOSUPERUSER NOBYPASSRLS", role, role)
	case owner:
		return fmt.Errorf("the database role %s owns Waybill's tables or belongs to their owner, so nothing would keep merchants apart: give the tables to another role (REASSIGN OWNED) and take %s out of it (REVOKE)", role, role)
	}
	if !limited { // said at the start of a session, which a pooler does not let through
		db.log.Warn("the database's login has no limits of time: ALTER ROLE ... SET statement_timeout = '30s', lock_timeout = '5s', idle_in_transaction_session_timeout = '15s', each by a statement of its own", "role", role)
	}
	return nil
}
