package database

import (
	"context"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
)

// Ask is a statement that goes to the server together with others, past GORM: for what is asked often enough that its cost matters.
type Ask struct {
	SQL  string // with $1, $2, ...
	Args []any
	// Row takes one row of the answer: it scans into what it wants filled.
	Row func(scan func(into ...any) error) error
}

func (a Ask) queue(b *pgx.Batch) {
	b.Queue(a.SQL, a.Args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := a.Row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Ask runs reads of the merchant's rows in one round trip and one transaction that can write nothing. Each sees the database as it is when
// its turn comes: see AskSnapshot. Errors of the database come back with their kind.
func (t Tenant) Ask(ctx context.Context, asks ...Ask) error {
	if err := t.check(); err != nil {
		return err
	}
	b := &pgx.Batch{} // what is sent without a pause between is one transaction: it needs no BEGIN
	b.Queue("SELECT set_config('waybill.merchant', $1, true), set_config('transaction_read_only', 'on', true)", string(t.merchant))
	return t.db.send(ctx, b, asks)
}

// AskSnapshot is Ask for reads that must agree with each other: all see the database as it was at the first.
func (t Tenant) AskSnapshot(ctx context.Context, asks ...Ask) error {
	if err := t.check(); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(snapshot)
	b.Queue("SELECT set_config('waybill.merchant', $1, true)", string(t.merchant))
	for _, a := range asks {
		a.queue(b)
	}
	b.Queue("COMMIT")
	return t.db.send(ctx, b, nil)
}

// Ask is Tenant.Ask for the tables that belong to no merchant.
func (db *DB) Ask(ctx context.Context, asks ...Ask) error { return db.send(ctx, &pgx.Batch{}, asks) }

func (db *DB) send(ctx context.Context, b *pgx.Batch, asks []Ask) error {
	for _, a := range asks {
		a.queue(b)
	}
	return Err(db.pool.SendBatch(ctx, b).Close())
}

// Ask runs one statement in the transaction.
func (tx Tx) Ask(a Ask) error {
	b := &pgx.Batch{}
	a.queue(b)
	return withPgx(tx.DB, func(t pgx.Tx) error { return t.SendBatch(tx.Statement.Context, b).Close() })
}

// Plain makes statements that are not run here: see AskOf.
func (db *DB) Plain() *gorm.DB { return db.gorm.Session(&gorm.Session{DryRun: true}) }

// AskOf is the read that a query made from Plain stands for. Its Row is the caller's to set.
func AskOf(q *gorm.DB) Ask {
	statement := q.Find(&[]struct{}{}).Statement
	return Ask{SQL: statement.SQL.String(), Args: statement.Vars}
}
