package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"waybill/models"
)

// A replica may answer lists and searches. It answers only when it has replayed everything that the primary had committed when it was
// asked, so whoever has just changed something sees it, in whatever process he did so, and no list is older than its request. That costs the
// primary one statement that reads nothing.
type replica struct {
	pool   *pgxpool.Pool
	shared *sharedPool
	lag    atomic.Int64 // as it was measured last; unknown when it does not answer
}

const (
	unknown       = time.Duration(-1)
	longestLag    = time.Second            // beyond this it is not even asked
	replicaGrace  = 100 * time.Millisecond // how long it may take to catch up with a request
	replicaLook   = 5 * time.Millisecond
	measureEvery  = time.Second
	measureWithin = 2 * time.Second
)

func openReplica(ctx context.Context, url string, conns int32) (*replica, error) {
	cfg, err := connConfig(url, false)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = conns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the replica: %w", err)
	}
	r := &replica{pool: pool, shared: &sharedPool{stdlib.OpenDBFromPool(pool)}}
	r.lag.Store(int64(unknown))
	return r, nil
}

// Source says where rows were read.
type Source struct {
	Replica bool
	Lag     time.Duration // of the replica when it was asked; it had caught up before it answered
}

// AskCopy is Ask for lists and searches, which a replica may answer; where it fails, the primary is asked. So the read is made anew each time that
// it is tried.
func (t Tenant) AskCopy(ctx context.Context, read func() Ask) (Source, error) {
	if err := t.check(); err != nil {
		return Source{}, err
	}
	tx, lag, err := t.db.caughtUp(ctx, string(t.merchant))
	if err != nil {
		return Source{}, err
	}
	if tx != nil {
		err := Err(t.db.run(ctx, tx, func(q *gorm.DB) error { return Tx{DB: q}.Ask(read()) }))
		if !errors.Is(err, models.Unavailable) || ctx.Err() != nil {
			return Source{Replica: true, Lag: lag}, err
		}
	}
	return Source{}, t.Ask(ctx, read())
}

// AcrossCopy is Across in the same way: fn must bear being called again.
func (db *DB) AcrossCopy(ctx context.Context, fn func(q *gorm.DB) error) (Source, error) {
	return db.readCopy(ctx, everybody, fn)
}

func (db *DB) readCopy(ctx context.Context, merchant string, fn func(*gorm.DB) error) (Source, error) {
	tx, lag, err := db.caughtUp(ctx, merchant)
	if err != nil {
		return Source{}, err
	}
	if tx != nil {
		if err := Err(db.run(ctx, tx, fn)); !errors.Is(err, models.Unavailable) || ctx.Err() != nil {
			return Source{Replica: true, Lag: lag}, err
		}
	}
	return Source{}, db.read(ctx, readOnly, merchant, fn)
}

// caughtUp opens a transaction at the replica that sees what the primary has committed by now; nil where there is none in time.
func (db *DB) caughtUp(ctx context.Context, merchant string) (*sharedTx, time.Duration, error) {
	r := db.replica
	if r == nil {
		return nil, 0, nil
	}
	if lag := time.Duration(r.lag.Load()); lag == unknown || lag > longestLag {
		return nil, 0, nil
	}
	at, err := db.committed(ctx)
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	for {
		var there bool
		b := &pgx.Batch{}
		b.Queue(readOnly)
		db.act(b, merchant)
		b.Queue("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", at).QueryRow(func(row pgx.Row) error { return row.Scan(&there) })
		tx, err := r.shared.begin(ctx, b)
		lag := time.Since(began)
		switch {
		case err != nil:
			return nil, 0, nil //nolint:nilerr // the primary answers instead; Watch tells of it
		case there:
			return tx, lag, nil
		}
		_ = tx.Rollback()
		if lag > replicaGrace {
			return nil, 0, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, nil
		case <-time.After(replicaLook):
		}
	}
}

// committed is a place in the primary's log behind everything that it has committed, on the disk or not: what is not there yet, no replica has.
func (db *DB) committed(ctx context.Context) (at string, err error) {
	err = db.pool.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&at)
	return at, Err(err)
}

// ReplicaLag is how far the replica was behind a moment ago: -1 when it does not answer, 0 when there is none.
func (db *DB) ReplicaLag() time.Duration {
	if db.replica == nil {
		return 0
	}
	return time.Duration(db.replica.lag.Load())
}

// WatchReplica measures how far the replica is behind until ctx ends. Without a replica it does nothing.
func (db *DB) WatchReplica(ctx context.Context) {
	if db.replica == nil {
		return
	}
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	used := false
	for {
		lag, err := db.measureReplica(ctx)
		db.replica.lag.Store(int64(lag))
		if use := lag != unknown && lag <= longestLag; use != used && ctx.Err() == nil {
			used = use
			db.log.LogAttrs(ctx, map[bool]slog.Level{true: slog.LevelInfo, false: slog.LevelWarn}[use], "replica", slog.Bool("used", use), slog.Duration("lag", lag), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (db *DB) measureReplica(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	at, err := db.committed(ctx)
	if err != nil {
		return unknown, err
	}
	var seconds float64
	err = db.replica.pool.QueryRow(ctx, `SELECT CASE WHEN pg_last_wal_replay_lsn() >= $1::text::pg_lsn THEN 0
		ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0.001) END::float8 WHERE pg_is_in_recovery()`, at).Scan(&seconds)
	if err != nil {
		return unknown, Err(err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
