package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Table is what has to be known of a table to distribute it.
type Table struct {
	Name   string
	Tenant bool // has rows of merchants, and stands behind the wall
	Keys   []ForeignKey
}

// ForeignKey is a table's reference to another.
type ForeignKey struct{ Name, References, Definition string }

// distributedMerchants is how the list of merchants is spread: like what belongs to them, so that whatever joins both finds both on one node.
const distributedMerchants = "merchants"

// Distribution is what makes a database a distributed one, in order: the statements after which the rows of a merchant lie together on one node of
// Citus, and everything else on the coordinator, River's jobs too. There they are in the transaction that made them necessary. Foreign keys
// are taken away first and put back once both tables are distributed; those from a table of the coordinator to merchants cannot be, and
// guard little: no merchant is ever deleted.
func Distribution(database string, tables []Table) []string {
	tables = slices.Clone(tables)
	slices.SortFunc(tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	plan := []string{"SET LOCAL citus.multi_shard_modify_mode TO 'sequential'"} // all of it is one transaction
	var after []string
	for _, t := range tables {
		for _, k := range t.Keys {
			spread := k.References == distributedMerchants || slices.ContainsFunc(tables, func(o Table) bool { return o.Name == k.References && o.Tenant })
			if !t.Tenant && !spread { // both stay where they are
				continue
			}
			plan = append(plan, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", t.Name, k.Name))
			if t.Tenant {
				after = append(after, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", t.Name, k.Name, k.Definition))
			}
		}
	}
	plan = append(plan, fmt.Sprintf("SELECT create_distributed_table('%s', 'id')", distributedMerchants))
	for _, t := range parentsFirst(tables) {
		plan = append(plan, fmt.Sprintf("SELECT create_distributed_table('%s', 'merchant_id', colocate_with => '%s')", t, distributedMerchants))
	}
	plan = append(plan, after...)
	quoted := pgx.Identifier{database}.Sanitize()
	return append(plan,
		// The wall's setting has to be that of the nodes, too; and the scheduler asks for the first few rows of each merchant.
		"ALTER DATABASE "+quoted+" SET citus.propagate_set_commands TO 'local'",
		"ALTER DATABASE "+quoted+" SET citus.subquery_pushdown TO 'on'",
	)
}

// parentsFirst are the tenants' tables, each after those that it refers to.
func parentsFirst(tables []Table) (order []string) {
	var visit func(t Table)
	visit = func(t Table) {
		if !t.Tenant || slices.Contains(order, t.Name) {
			return
		}
		for _, k := range t.Keys {
			if i := slices.IndexFunc(tables, func(o Table) bool { return o.Name == k.References }); i >= 0 && k.References != t.Name {
				visit(tables[i])
			}
		}
		order = append(order, t.Name)
	}
	for _, t := range tables {
		visit(t)
	}
	return order
}

var errNoCitus = errors.New("this database has no Citus, so there are no nodes to distribute merchants to: install the extension on every node (shared_preload_libraries = 'citus'), add the nodes, and run CREATE EXTENSION citus in this database")

// Distribute distributes a migrated database by merchant, as its owner. What is distributed already stays as it is. The program must not run
// meanwhile.
func Distribute(ctx context.Context, url string, log *slog.Logger) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return errBadURL
	}
	cfg.ConnectTimeout = 5 * time.Second
	cfg.RuntimeParams["application_name"] = "waybill migrate"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return Err(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')").Scan(&there); err != nil {
		return Err(err)
	}
	if !there {
		return errNoCitus
	}
	var done bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)", distributedMerchants).Scan(&done); err != nil {
		return Err(err)
	}
	if done {
		log.Info("the database is distributed already")
		return nil
	}
	var above bool
	if err := conn.QueryRow(ctx, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&above); err != nil {
		return Err(err)
	}
	if !above {
		return errors.New("only a superuser of the database sees the rows of all merchants, which are to be moved to the nodes: set WAYBILL_OWNER_DATABASE_URL to the login of one for this")
	}
	tables, err := ReadTables(ctx, conn)
	if err != nil {
		return Err(err)
	}
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return Err(err)
	}
	for _, statement := range Distribution(cfg.Database, tables) {
		log.Info("distribute", "statement", statement)
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("nothing was changed: %s: %w", statement, err)
		}
	}
	_, err = conn.Exec(ctx, "COMMIT")
	return Err(err)
}

// ReadTables reads the schema's tables, with those that partitions make up as one.
func ReadTables(ctx context.Context, conn *pgx.Conn) ([]Table, error) {
	rows, err := conn.Query(ctx, `SELECT relname::text, relrowsecurity FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Table, err error) {
		err = row.Scan(&t.Name, &t.Tenant)
		return t, err
	})
	if err != nil {
		return nil, err
	}
	rows, err = conn.Query(ctx, `SELECT c.conrelid::regclass::text, c.conname::text, c.confrelid::regclass::text, pg_get_constraintdef(c.oid) FROM pg_constraint c
		JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'f' AND c.conparentid = 0 AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	var table string
	var key ForeignKey
	_, err = pgx.ForEachRow(rows, []any{&table, &key.Name, &key.References, &key.Definition}, func() error {
		i := slices.IndexFunc(tables, func(t Table) bool { return t.Name == table })
		tables[i].Keys = append(tables[i].Keys, key)
		return nil
	})
	return tables, err
}
