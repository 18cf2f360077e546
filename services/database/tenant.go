package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"waybill/models"
)

// The tables of a tenant stand behind row-level security: a transaction sees and writes the rows of the merchant that it has set,
// and no others; one that has set nobody sees none. build_tenant_wall (migration 11) puts a table behind it.

// everybody is what a transaction sets that reads the rows of all merchants. Nobody writes by it.
const everybody = "*"

// How a transaction that reads begins.
const (
	readOnly = "BEGIN READ ONLY"
	snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
)

// Tenant is one merchant's part of the database: the only way to its tables.
type Tenant struct {
	db       *DB
	merchant models.MerchantID
	soft     bool
}

// Of is the part of the database that belongs to a merchant.
func (db *DB) Of(m models.MerchantID) Tenant { return Tenant{db: db, merchant: m} }

// Soft is the same part, whose transactions commit before they are on the disk: for what is learnt again when the database's machine dies in
// the next half second. What is committed after one is never on the disk before it, so nothing is left standing that rests on what was lost.
func (t Tenant) Soft() Tenant {
	t.soft = true
	return t
}

// Read runs reads in one short transaction. Errors of the database come back with their kind.
func (t Tenant) Read(ctx context.Context, fn func(q *gorm.DB) error) error {
	return t.read(ctx, readOnly, fn)
}

// InSnapshot runs reads that must agree with each other: all of them see the database as it was at the first. Errors of the
// database come back with their kind.
func (t Tenant) InSnapshot(ctx context.Context, fn func(q *gorm.DB) error) error {
	return t.read(ctx, snapshot, fn)
}

func (t Tenant) read(ctx context.Context, mode string, fn func(*gorm.DB) error) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.read(ctx, mode, string(t.merchant), fn)
}

// InTx runs fn in a transaction and commits unless fn fails. No network call, no sleep inside. Errors of the database come
// back with their kind: a named constraint as the error it stands for, a lost connection as Unavailable.
func (t Tenant) InTx(ctx context.Context, fn func(tx Tx) error) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.write(ctx, string(t.merchant), t.soft, nil, fn)
}

// InTxAfter is InTx whose first statements are known beforehand: they go to the server with what begins the transaction, and have been
// answered when fn begins.
func (t Tenant) InTxAfter(ctx context.Context, first []Ask, fn func(tx Tx) error) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.write(ctx, string(t.merchant), t.soft, first, fn)
}

// check refuses what is nobody's id: a merchant that was forgotten is a mistake of ours, and never means everybody.
func (t Tenant) check() error {
	if !ValidID(string(t.merchant)) {
		return fmt.Errorf("no merchant has the id %q", string(t.merchant))
	}
	return nil
}

// Across reads the rows of all merchants, for the scheduler ("who has work due?"), the operator's figures and support's search. It
// can write nothing.
func (db *DB) Across(ctx context.Context, fn func(q *gorm.DB) error) error {
	return db.read(ctx, readOnly, everybody, fn)
}

func (db *DB) read(ctx context.Context, mode, merchant string, fn func(*gorm.DB) error) error {
	b := &pgx.Batch{}
	b.Queue(mode)
	db.act(b, merchant)
	tx, err := db.shared.begin(ctx, b)
	if err != nil {
		return Err(err)
	}
	return Err(db.run(ctx, tx, fn))
}

// write learns the time with the statement that sets the merchant; nobody is "".
func (db *DB) write(ctx context.Context, merchant string, soft bool, first []Ask, fn func(Tx) error) error {
	tx := Tx{insert: db.insert, after: new([]string), queues: new([]string)}
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	if soft {
		b.Queue("SET LOCAL synchronous_commit = off")
	}
	db.act(b, merchant)
	b.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&tx.Now) })
	for _, a := range first {
		a.queue(b)
	}
	shared, err := db.shared.begin(ctx, b)
	if err != nil {
		return Err(err)
	}
	tx.Now = tx.Now.UTC()
	err = db.run(ctx, shared, func(g *gorm.DB) error {
		tx.DB = g
		return fn(tx)
	})
	if err == nil {
		db.signals.give(*tx.after)
		db.wakings.give(told(*tx.queues))
	}
	return Err(err)
}

// act sets the merchant for the rest of the transaction. The nodes of Citus are told of it by a statement alone, which has no parameters: there it
// is written out, of an id that has been checked to be digits, letters and dashes, and elsewhere it is prepared once for all.
func (db *DB) act(b *pgx.Batch, merchant string) {
	if db.distributed.Load() {
		b.Queue("SET LOCAL waybill.merchant = '" + merchant + "'")
		return
	}
	b.Queue("SELECT set_config('waybill.merchant', $1, true)", merchant)
}

// run runs fn in a transaction, and ends it however fn ends.
func (db *DB) run(ctx context.Context, tx *sharedTx, fn func(*gorm.DB) error) error {
	open := true
	defer func() {
		if open {
			_ = tx.Rollback() // why it came to that tells more
		}
	}()
	g := db.gorm.Session(&gorm.Session{Context: ctx, NewDB: true})
	g.Statement.ConnPool = tx
	if err := fn(g); err != nil {
		return err
	}
	open = false
	return tx.Commit()
}
