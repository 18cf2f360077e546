package database

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// Ask is a statement that goes to the server together with others, past GORM: for what is asked often enough that its cost matters.
type Ask struct {
	SQL  string // with $1, $2, ...
	Args []any
	// PlanOnce says that the statement is read along the same index whatever it is asked with, so that every connection plans it once: left to itself
	// PostgreSQL may plan it anew each time, which takes three times as long as to list a page. Its LIMIT has to be a number in its words.
	PlanOnce bool
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
	return t.db.together(ctx, readOnly, string(t.merchant), asks)
}

// Tell runs statements that write the merchant's rows, in one round trip and one transaction. It is for what need not survive the death of the
// database's machine: whoever was answered may find it undone then.
func (t Tenant) Tell(ctx context.Context, asks ...Ask) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.together(ctx, unwaited, string(t.merchant), asks)
}

// AskSnapshot is Ask for reads that must agree with each other: all see the database as it was at the first.
func (t Tenant) AskSnapshot(ctx context.Context, asks ...Ask) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.db.together(ctx, snapshot, string(t.merchant), asks)
}

// unwaited begins a transaction whose commit does not wait for the disk.
const unwaited = "BEGIN; SET LOCAL synchronous_commit = off"

// together sends a whole transaction at once. What is sent without a pause between is one transaction by itself, and needs neither BEGIN nor
// COMMIT where nothing but what can be set by a query has to be set before it.
func (db *DB) together(ctx context.Context, mode, merchant string, asks []Ask) error {
	b := &pgx.Batch{}
	switch {
	case mode == readOnly && !db.distributed.Load():
		begin := "SELECT set_config('waybill.merchant', $1, true), set_config('transaction_read_only', 'on', true)"
		if !slices.ContainsFunc(asks, func(a Ask) bool { return !a.PlanOnce }) {
			begin += ", set_config('plan_cache_mode', 'force_generic_plan', true)"
		}
		b.Queue(begin, merchant)
		return db.send(ctx, b, asks)
	case mode == unwaited && !db.distributed.Load():
		b.Queue("SELECT set_config('waybill.merchant', $1, true), set_config('synchronous_commit', 'off', true)", merchant)
		return db.send(ctx, b, asks)
	}
	for statement := range strings.SplitSeq(mode, "; ") {
		b.Queue(statement)
	}
	db.act(b, merchant)
	for _, a := range asks {
		a.queue(b)
	}
	b.Queue("COMMIT")
	return db.send(ctx, b, nil)
}

// Ask is Tenant.Ask for the tables that belong to no merchant.
func (db *DB) Ask(ctx context.Context, asks ...Ask) error { return db.send(ctx, &pgx.Batch{}, asks) }

func (db *DB) send(ctx context.Context, b *pgx.Batch, asks []Ask) error {
	for _, a := range asks {
		a.queue(b)
	}
	return Err(db.pool.SendBatch(ctx, b).Close())
}

// Ask runs statements in the transaction, in one round trip.
func (tx Tx) Ask(asks ...Ask) error {
	b := &pgx.Batch{}
	for _, a := range asks {
		a.queue(b)
	}
	return withPgx(tx.DB, func(t pgx.Tx) error { return t.SendBatch(tx.Statement.Context, b).Close() })
}

// Written is the statement that GORM makes of what write does, without running it.
func (tx Tx) Written(write func(q *gorm.DB) *gorm.DB) Ask {
	statement := write(tx.Session(&gorm.Session{DryRun: true})).Statement
	return Ask{SQL: statement.SQL.String(), Args: statement.Vars}
}

// Plain makes statements that are not run here: see AskOf.
func (db *DB) Plain() *gorm.DB { return db.gorm.Session(&gorm.Session{DryRun: true}) }

// AskOf is the read that a query made from Plain stands for. Its Row is the caller's to set.
func AskOf(q *gorm.DB) Ask {
	statement := q.Find(&[]struct{}{}).Statement
	return Ask{SQL: statement.SQL.String(), Args: statement.Vars}
}

// Rows is a query of a model's rows that is written once, in GORM's words, and asked often: in one round trip with others, and without
// being written anew each time.
type Rows[T any] struct {
	sql    string
	fields []*schema.Field
}

// RowsOf writes the query that build narrows. What it is asked with comes later, so build has any value where it says ?.
func RowsOf[T any](db *DB, build func(q *gorm.DB) *gorm.DB) Rows[T] {
	statement := build(db.Plain()).Find(&[]T{}).Statement
	r := Rows[T]{sql: statement.SQL.String()}
	for _, name := range statement.Schema.DBNames {
		r.fields = append(r.fields, statement.Schema.FieldsByDBName[name])
	}
	return r
}

// Ask appends the rows to list.
func (r Rows[T]) Ask(list *[]T, args ...any) Ask {
	return Ask{SQL: r.sql, Args: args, Row: func(scan func(...any) error) error {
		values := make([]any, len(r.fields))
		for i, f := range r.fields {
			values[i] = f.NewValuePool.Get()
		}
		if err := scan(values...); err != nil {
			return err
		}
		var row T
		to := reflect.ValueOf(&row).Elem()
		for i, f := range r.fields {
			if err := f.Set(context.Background(), to, values[i]); err != nil {
				return err
			}
			f.NewValuePool.Put(values[i])
		}
		*list = append(*list, row)
		return nil
	}}
}
