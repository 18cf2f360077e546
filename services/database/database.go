// Package database owns PostgreSQL: opening and migrating it, transactions with one fixed "now", enqueueing jobs on a
// transaction, running the job queue, and turning the database's complaints into the program's errors.
package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"waybill/models"
)

// Role is whom the program works as. It owns nothing and is nobody's superuser, so that row-level security holds for it. Migrate makes it.
const Role = "waybill_app"

// Options say which database to open.
type Options struct {
	URL      string // of a login that may work as Role
	Direct   string // the way past the pooler to which URL leads, for what needs a session; empty: URL leads to PostgreSQL itself
	Replica  string // of a streaming replica that may answer lists; empty: there is none
	MaxConns int32  // 0: 20; River's listener holds one of them for good
	Log      *slog.Logger
	Tracer   pgx.QueryTracer // may be nil
}

var errBadURL = errors.New("the database URL cannot be read") // the error of pgx may show the password

// DB is an open database.
type DB struct {
	pool        *pgxpool.Pool
	gorm        *gorm.DB
	shared      *sharedPool           // GORM's
	insert      *river.Client[pgx.Tx] // inserts only; never started
	log         *slog.Logger
	signals     *signals
	wakings     *signals        // of the queues that have new jobs
	distributed atomic.Bool     // over the nodes of Citus; CheckWalls finds out
	pooled      bool            // a pooler in transaction mode stands between pool and PostgreSQL
	session     *pgx.ConnConfig // for connections that are kept: locks and listeners
	ears        *pgxpool.Pool   // for River's listener; pool itself unless pooled
	replica     *replica        // nil: there is none
}

// Open connects lazily: a database that is down makes the first query fail, not Open. It fails on a URL it cannot read.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{log: o.Log, pooled: o.Direct != ""}
	open := func(url string, pooled bool, conns int32) (*pgxpool.Pool, error) {
		cfg, err := connConfig(url, pooled)
		if err != nil {
			return nil, err
		}
		cfg.MaxConns, cfg.ConnConfig.Tracer = conns, o.Tracer
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		return pool, nil
	}
	pool, err := open(o.URL, db.pooled, cmp.Or(o.MaxConns, 20))
	if err != nil {
		return nil, err
	}
	db.pool, db.ears = pool, pool
	db.signals, db.wakings = &signals{pool: pool, channel: "'" + signalChannel + "'", pause: signalPause}, &signals{pool: pool, channel: insertChannel}
	if db.pooled {
		if db.ears, err = open(o.Direct, false, 2); err != nil {
			pool.Close()
			return nil, err
		}
	}
	if o.Replica != "" {
		if db.replica, err = openReplica(ctx, o.Replica, cmp.Or(o.MaxConns, 20)); err != nil {
			db.Close()
			return nil, err
		}
	}
	db.session = db.ears.Config().ConnConfig
	// QueryFields: Find would be SELECT * otherwise. PrepareStmt stays off: it hides the transaction from withPgx, and pgx
	// prepares already.
	db.shared = &sharedPool{stdlib.OpenDBFromPool(pool)}
	db.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: db.shared}), &gorm.Config{
		SkipDefaultTransaction: true, QueryFields: true, DisableAutomaticPing: true, Logger: logger.Discard,
		NowFunc: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if db.insert, err = river.NewClient(quiet{riverpgxv5.New(pool)}, &river.Config{Middleware: []rivertype.Middleware{&handOn{}}, Logger: o.Log}); err != nil {
		db.Close()
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	return db, nil
}

// connConfig is how the program connects. What it asks of a session it says as the session begins: the role, limits of time.
//
// A pooler in transaction mode has no sessions to give. It refuses most settings at the start, so the login has to have them by itself
// (CheckWalls sees to the rights); and a statement that one transaction prepared is not there for the next, so that statements are
// described once for each connection and sent whole each time.
func connConfig(url string, pooled bool) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errBadURL
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	params := cfg.ConnConfig.RuntimeParams
	for name, value := range map[string]string{"application_name": "waybill", "timezone": "UTC"} {
		params[name] = cmp.Or(params[name], value)
	}
	if pooled {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return cfg, nil
	}
	for name, value := range map[string]string{
		"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s",
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		params[name] = cmp.Or(params[name], value)
	}
	params["role"] = Role
	return cfg, nil
}

// quiet is River's driver for inserting. River would tell of new jobs inside of the transaction, and PostgreSQL lets only one transaction that
// tells anything commit at a time; it would also tell of some only. Waybill tells of them afterwards: see Enqueue.
type quiet struct{ *riverpgxv5.Driver }

// SupportsListenNotify says that River is to tell nobody.
func (quiet) SupportsListenNotify() bool { return false }

// insertChannel is where River's workers listen for new jobs.
const insertChannel = "current_schema() || '.river_insert'"

// Close gives all connections back.
func (db *DB) Close() {
	db.pool.Close()
	db.ears.Close()
	if db.replica != nil {
		db.replica.pool.Close()
	}
}

// Read is for plain reads and single writes of the tables without a tenant, outside a transaction. Those of a tenant are empty
// to it: see Of. Its errors are turned by Err.
func (db *DB) Read(ctx context.Context) *gorm.DB { return db.gorm.WithContext(ctx) }

// Tx is an open transaction. Now is the database's time at its start, in UTC, the one time of everything written in it.
type Tx struct {
	*gorm.DB
	Now    time.Time
	insert *river.Client[pgx.Tx]
	after  *[]string // signals to give when it has committed
	queues *[]string // that are to be woken then
}

// InTx is Tenant.InTx for what belongs to no merchant: the tables of every tenant are empty to it, and it can add nothing to them.
func (db *DB) InTx(ctx context.Context, fn func(tx Tx) error) error {
	return db.write(ctx, "", false, nil, fn)
}

// Insist does what must not be given up because the database is away for a moment: it keeps trying while do answers Unavailable and
// patience lasts. A commit may have gone unheard, so do must bear being done again.
func Insist(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || !errors.Is(err, models.Unavailable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Enqueue adds a job that exists if and only if the transaction commits. Those who work are woken when it has.
func (tx Tx) Enqueue(args river.JobArgs) error {
	ctx := tx.Statement.Context
	return withPgx(tx.DB, func(t pgx.Tx) error {
		if _, err := tx.insert.InsertTx(ctx, t, args, nil); err != nil {
			return fmt.Errorf("enqueue %s: %w", args.Kind(), err)
		}
		tx.wake(queueOf(args))
		return nil
	})
}

// EnqueueMany is Enqueue for many jobs in one round trip.
func (tx Tx) EnqueueMany(args []river.JobArgs) error {
	if len(args) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(args))
	for i, a := range args {
		params[i] = river.InsertManyParams{Args: a}
		tx.wake(queueOf(a))
	}
	ctx := tx.Statement.Context
	return withPgx(tx.DB, func(t pgx.Tx) error {
		if _, err := tx.insert.InsertManyFastTx(ctx, t, params); err != nil {
			return fmt.Errorf("enqueue %d jobs: %w", len(args), err)
		}
		return nil
	})
}

func queueOf(args river.JobArgs) string {
	if with, ok := args.(river.JobArgsWithInsertOpts); ok {
		return cmp.Or(with.InsertOpts().Queue, river.QueueDefault)
	}
	return river.QueueDefault
}

// wake wakes those who work on a queue when the transaction has committed.
func (tx Tx) wake(queue string) {
	if !slices.Contains(*tx.queues, queue) {
		*tx.queues = append(*tx.queues, queue)
	}
}

// told is how River's workers are told of a queue.
func told(queues []string) []string {
	words := make([]string, len(queues))
	for i, q := range queues {
		words[i] = fmt.Sprintf(`{"queue": %q}`, q)
	}
	return words
}

// NewID makes the id of a row: UUIDv7, growing within the process.
func NewID() models.ID { return models.ID(uuid.Must(uuid.NewV7()).String()) }

// ValidID reports whether s has the form of an id; a database would refuse any other with an error that says less.
func ValidID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

// Times is a list of times as PostgreSQL reads it: a timestamptz[].
func Times(list []time.Time) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = t.UTC().Format(time.RFC3339Nano)
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// IDBefore is an id below every id that was made at or after t.
func IDBefore(t time.Time) models.ID {
	var id uuid.UUID
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = 0x70, 0x80
	return models.ID(id.String())
}
