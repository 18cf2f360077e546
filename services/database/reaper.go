package database

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// River gives a dead worker's jobs back after minutes. The reaper does it in half a second: every working process holds an
// advisory lock named after its client for as long as it lives, and a running job whose client's lock is free belongs to
// nobody. It is no fence (a paused process keeps its connection, not its sense of time): the state machines are.
type reaper struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

const (
	reapEvery     = 500 * time.Millisecond
	reapNamespace = 42 // second half of the lock's hash, so that other advisory locks do not meet it
)

const reapSQL = `WITH dead AS (
	SELECT client FROM (SELECT DISTINCT attempted_by[array_upper(attempted_by, 1)] AS client FROM river_job WHERE state = 'running') r
	WHERE client <> $1 AND pg_try_advisory_xact_lock(hashtextextended(client, $2)))
UPDATE river_job SET state = 'available', scheduled_at = clock_timestamp(),
	errors = array_append(errors, jsonb_build_object('at', to_jsonb(clock_timestamp()), 'attempt', attempt, 'error', 'the worker died', 'trace', ''))
WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] IN (SELECT client FROM dead)`

func (db *DB) startReaper(ctx context.Context, client string, queues []string, log *slog.Logger) (*reaper, error) {
	conn, err := db.lockForLife(ctx, client)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &reaper{cancel: cancel}
	r.done.Go(func() { db.reap(ctx, conn, client, queues, log) })
	return r, nil
}

// lockForLife takes the lock on a connection of its own: while the connection lives, so does the process.
func (db *DB) lockForLife(ctx context.Context, client string) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, db.session)
	if err != nil {
		return nil, Err(err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, $2))", client, reapNamespace); err != nil {
		_ = conn.Close(ctx)
		return nil, Err(err)
	}
	return conn, nil
}

func (db *DB) reap(ctx context.Context, conn *pgx.Conn, client string, queues []string, log *slog.Logger) {
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if conn != nil {
				_ = conn.Close(closing)
			}
			return
		case <-tick.C:
		}
		if conn == nil {
			// Without the lock others would take our live jobs: taking it again comes before everything else.
			var err error
			if conn, err = db.lockForLife(ctx, client); err != nil {
				conn = nil
				continue
			}
		}
		tag, err := conn.Exec(ctx, reapSQL, client, reapNamespace)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("reaper lost its connection", "error", Err(err))
			}
			_ = conn.Close(ctx)
			conn = nil
			continue
		}
		if n := tag.RowsAffected(); n > 0 {
			log.Info("took over jobs of a dead worker", "jobs", n)
			_, _ = conn.Exec(ctx, `SELECT pg_notify(current_schema() || '.river_insert', json_build_object('queue', q)::text) FROM unnest($1::text[]) AS q`, queues)
		}
	}
}

func (r *reaper) stop() {
	r.cancel()
	r.done.Wait()
}
