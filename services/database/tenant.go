package database

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"

	"waybill/models"
)

// The tables of a tenant stand behind row-level security: a transaction sees and writes the rows of the merchant that it has set,
// and no others; one that has set nobody sees none. build_tenant_wall (migration 11) puts a table behind it.

// everybody is what a transaction sets that reads the rows of all merchants. Nobody writes by it.
const everybody = "*"

// Tenant is one merchant's part of the database: the only way to its tables.
type Tenant struct {
	db       *DB
	merchant models.MerchantID
}

// Of is the part of the database that belongs to a merchant.
func (db *DB) Of(m models.MerchantID) Tenant { return Tenant{db, m} }

// Read runs reads in one short transaction. Errors of the database come back with their kind.
func (t Tenant) Read(ctx context.Context, fn func(q *gorm.DB) error) error {
	return t.read(ctx, sql.LevelDefault, fn)
}

// InSnapshot runs reads that must agree with each other: all of them see the database as it was at the first. Errors of the
// database come back with their kind.
func (t Tenant) InSnapshot(ctx context.Context, fn func(q *gorm.DB) error) error {
	return t.read(ctx, sql.LevelRepeatableRead, fn)
}

func (t Tenant) read(ctx context.Context, isolation sql.IsolationLevel, fn func(*gorm.DB) error) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.read(ctx, string(t.merchant), isolation, fn)
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
	return db.read(ctx, everybody, sql.LevelDefault, fn)
}

func (db *DB) read(ctx context.Context, merchant string, isolation sql.IsolationLevel, fn func(*gorm.DB) error) error {
	return Err(db.gorm.WithContext(ctx).Transaction(func(q *gorm.DB) error {
		if err := q.Exec("SELECT set_config('waybill.merchant', ?, true)", merchant).Error; err != nil {
			return err
		}
		return fn(q)
	}, &sql.TxOptions{Isolation: isolation, ReadOnly: true}))
}

// write sets the merchant with the statement that reads the time; nobody is "".
func (db *DB) write(ctx context.Context, merchant string, fn func(Tx) error) error {
	var after []string
	err := db.gorm.WithContext(ctx).Transaction(func(g *gorm.DB) error {
		after = nil
		tx := Tx{DB: g, insert: db.insert, after: &after}
		var set string
		if err := g.Raw("SELECT clock_timestamp(), set_config('waybill.merchant', ?, true)", merchant).Row().Scan(&tx.Now, &set); err != nil {
			return err
		}
		tx.Now = tx.Now.UTC()
		return fn(tx)
	})
	if err == nil {
		db.signals.give(after)
	}
	return Err(err)
}
