package database

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"waybill/models"
)

// DeadLetters lists a merchant's jobs that were given up, newest first, those before a job id; 0 for the newest.
func (db *DB) DeadLetters(ctx context.Context, m models.MerchantID, before int64, limit int) ([]models.DeadLetter, error) {
	rows, err := db.pool.Query(ctx, `SELECT id, kind, args, attempt, coalesce(errors[array_upper(errors, 1)]->>'error', ''), finalized_at FROM river_job
		WHERE state = 'discarded' AND args->>'merchant_id' = $1 AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, m, before, limit)
	if err != nil {
		return nil, Err(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (j models.DeadLetter, err error) {
		err = row.Scan(&j.ID, &j.Kind, &j.Args, &j.Attempts, &j.Error, &j.DiedAt)
		return j, err
	})
	return list, Err(err)
}

// Revive has dead jobs of a merchant worked again, and returns those that were. Ids that are not dead jobs of the merchant are
// passed over, so that asking twice does nothing more. A revived job is a new one: its kind's work is idempotent.
func (tx Tx) Revive(m models.MerchantID, ids []int64) (revived []models.DeadLetter, err error) {
	ctx := tx.Statement.Context
	err = withPgx(tx.DB, func(t pgx.Tx) error {
		rows, err := t.Query(ctx, `DELETE FROM river_job WHERE state = 'discarded' AND args->>'merchant_id' = $1 AND id = ANY ($2) RETURNING id, kind, args, attempt, queue`, m, ids)
		if err != nil {
			return err
		}
		var params []river.InsertManyParams
		revived, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (j models.DeadLetter, err error) {
			var queue string
			err = row.Scan(&j.ID, &j.Kind, &j.Args, &j.Attempts, &queue)
			tx.wake(queue)
			params = append(params, river.InsertManyParams{Args: revivedArgs{j.Kind, j.Args}, InsertOpts: &river.InsertOpts{Queue: queue}})
			return j, err
		})
		if err != nil || len(params) == 0 {
			return err
		}
		_, err = tx.insert.InsertManyFastTx(ctx, t, params)
		return err
	})
	return revived, err
}

// revivedArgs are a job's arguments as they were.
type revivedArgs struct {
	kind string
	raw  json.RawMessage
}

// Kind names the job.
func (a revivedArgs) Kind() string { return a.kind }

// MarshalJSON gives the arguments as they were.
func (a revivedArgs) MarshalJSON() ([]byte, error) { return a.raw, nil }
