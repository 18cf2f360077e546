package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// GORM and River share one pgxpool and, where it matters, one transaction: GORM's transaction keeps hold of its *sql.Conn,
// so that River can be handed the pgx connection below it. A row and the job it makes necessary commit or vanish together.

// sharedPool is GORM's connection pool. It hides *sql.DB's own BeginTx, which would let the connection go: begin is the only way into a
// transaction.
type sharedPool struct{ db *sql.DB }

func (p *sharedPool) PrepareContext(ctx context.Context, q string) (*sql.Stmt, error) {
	return p.db.PrepareContext(ctx, q)
}

func (p *sharedPool) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	return p.db.ExecContext(ctx, q, args...)
}

func (p *sharedPool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	return p.db.QueryContext(ctx, q, args...)
}

func (p *sharedPool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	return p.db.QueryRowContext(ctx, q, args...)
}

// GetDBConn is how GORM reaches the *sql.DB.
func (p *sharedPool) GetDBConn() (*sql.DB, error) { return p.db, nil }

// begin opens a transaction with statements that go to the server together, and returns the row that the last of them answers, if any.
func (p *sharedPool) begin(ctx context.Context, statements string) (*sharedTx, [][]byte, error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	t := &sharedTx{conn, conn, ctx}
	var answer [][]byte
	err = t.raw(func(c *pgx.Conn) error {
		results, err := c.PgConn().Exec(ctx, statements).ReadAll()
		if err == nil && len(results[len(results)-1].Rows) > 0 {
			answer = results[len(results)-1].Rows[0]
		}
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close()) // the pool gives up a connection whose transaction is open
	}
	return t, answer, nil
}

// sharedTx is what GORM holds inside a transaction.
type sharedTx struct {
	gorm.ConnPool
	conn *sql.Conn       // the same
	ctx  context.Context //nolint:containedctx // GORM's Commit and Rollback have none; that of *sql.Tx is kept in the same way
}

// Commit ends the transaction and gives the connection back.
func (t *sharedTx) Commit() error {
	if err := t.ctx.Err(); err != nil {
		return errors.Join(err, t.Rollback())
	}
	err := t.raw(func(c *pgx.Conn) error {
		tag, err := c.Exec(t.ctx, "commit")
		if err == nil && tag.String() == "ROLLBACK" { // a statement had failed, and its error was passed over
			return pgx.ErrTxCommitRollback
		}
		return err
	})
	return errors.Join(err, t.conn.Close())
}

// Rollback ends the transaction, also of a caller who has gone, and gives the connection back.
func (t *sharedTx) Rollback() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 5*time.Second)
	defer cancel()
	err := t.raw(func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "rollback")
		return err
	})
	return errors.Join(err, t.conn.Close())
}

// raw runs fn with the connection below.
func (t *sharedTx) raw(fn func(*pgx.Conn) error) error {
	return t.conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("unexpected driver connection %T", driverConn)
		}
		return fn(c.Conn())
	})
}

// withPgx runs fn with a pgx.Tx on the connection and inside the transaction of tx. No query of tx may be open meanwhile.
func withPgx(tx *gorm.DB, fn func(pgx.Tx) error) error {
	t, ok := tx.Statement.ConnPool.(*sharedTx)
	if !ok {
		return fmt.Errorf("not inside a transaction (%T)", tx.Statement.ConnPool)
	}
	return t.raw(func(c *pgx.Conn) error { return fn(&borrowedTx{conn: c}) })
}

var errBorrowed = errors.New("the transaction belongs to GORM")

// borrowedTx is a pgx.Tx on a transaction that somebody else ends. Begin makes savepoints.
type borrowedTx struct {
	conn      *pgx.Conn
	savepoint string
	depth     int
	done      bool
}

// Begin opens a savepoint. Savepoints nest, so depth is name enough.
func (t *borrowedTx) Begin(ctx context.Context) (pgx.Tx, error) {
	name := fmt.Sprintf("borrowed_%d", t.depth+1)
	if _, err := t.conn.Exec(ctx, "savepoint "+name); err != nil {
		return nil, err
	}
	return &borrowedTx{conn: t.conn, savepoint: name, depth: t.depth + 1}, nil
}

// Commit releases a savepoint; the transaction itself is not ours to end.
func (t *borrowedTx) Commit(ctx context.Context) error { return t.end(ctx, "release savepoint ") }

// Rollback returns to a savepoint; the transaction itself is not ours to end.
func (t *borrowedTx) Rollback(ctx context.Context) error {
	return t.end(ctx, "rollback to savepoint ")
}

func (t *borrowedTx) end(ctx context.Context, verb string) error {
	if t.savepoint == "" {
		return errBorrowed
	}
	if t.done {
		return pgx.ErrTxClosed
	}
	t.done = true
	_, err := t.conn.Exec(ctx, verb+t.savepoint)
	return err
}

func (t *borrowedTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, columns, rows)
}

func (t *borrowedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

// LargeObjects is not needed by River.
func (t *borrowedTx) LargeObjects() pgx.LargeObjects { panic("large objects are not supported") }

func (t *borrowedTx) Prepare(ctx context.Context, name, q string) (*pgconn.StatementDescription, error) {
	return t.conn.Prepare(ctx, name, q)
}

func (t *borrowedTx) Exec(ctx context.Context, q string, args ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, q, args...)
}

func (t *borrowedTx) Query(ctx context.Context, q string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, q, args...)
}

func (t *borrowedTx) QueryRow(ctx context.Context, q string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, q, args...)
}

func (t *borrowedTx) Conn() *pgx.Conn { return t.conn }
