package database

import (
	"context"
	"fmt"
	"strconv"
	"time"

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
}

// Of is the part of the database that belongs to a merchant.
func (db *DB) Of(m models.MerchantID) Tenant { return Tenant{db, m} }

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
	return t.db.write(ctx, string(t.merchant), fn)
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
	tx, _, err := db.shared.begin(ctx, mode+"; "+setMerchant(merchant))
	if err != nil {
		return Err(err)
	}
	return Err(db.run(ctx, tx, fn))
}

// write learns the time with the statement that sets the merchant; nobody is "".
func (db *DB) write(ctx context.Context, merchant string, fn func(Tx) error) error {
	shared, answer, err := db.shared.begin(ctx, "BEGIN; "+setMerchant(merchant)+"; SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
	if err != nil {
		return Err(err)
	}
	tx := Tx{insert: db.insert, after: new([]string)}
	err = db.run(ctx, shared, func(g *gorm.DB) error {
		micros, err := strconv.ParseInt(string(answer[0]), 10, 64)
		if err != nil {
			return fmt.Errorf("read the time: %w", err)
		}
		tx.DB, tx.Now = g, time.UnixMicro(micros).UTC()
		return fn(tx)
	})
	if err == nil {
		db.signals.give(*tx.after)
	}
	return Err(err)
}

// setMerchant sets the merchant for the rest of the transaction. An id has been checked: it is digits, letters and dashes. It is a statement and
// not set_config because Citus tells its nodes of the statement alone.
func setMerchant(merchant string) string {
	return "SET LOCAL waybill.merchant = '" + merchant + "'"
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
