package database_test

import (
	"flag"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"waybill/services/database"
	"waybill/services/database/databasetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// There is no Citus to run this on: what would be run on it is written down, and what can be known of it without is looked at.
func TestHowADatabaseIsDistributed(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), databasetest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	tables, err := database.ReadTables(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	plan := database.Distribution("waybill", tables)
	const golden = "testdata/distribution.golden"
	text := strings.Join(plan, ";\n") + ";\n"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != text {
		t.Errorf("%v: the plan is not that of %s (go test ./services/database -run Distributed -update):\n%s", err, golden, text)
	}
	at := func(statement string) int {
		return slices.IndexFunc(plan, func(s string) bool { return strings.HasPrefix(s, statement) })
	}
	distributed := 0
	for _, table := range tables {
		made := at("SELECT create_distributed_table('" + table.Name + "', 'merchant_id'")
		if table.Tenant {
			distributed++
		}
		if tenant := made >= 0; tenant != table.Tenant {
			t.Errorf("%s is distributed: %t, and has merchants' rows: %t", table.Name, tenant, table.Tenant)
		}
		if strings.HasPrefix(table.Name, "river_") && made >= 0 {
			t.Errorf("%s would leave the coordinator", table.Name)
		}
		for _, key := range table.Keys {
			if !table.Tenant {
				continue
			}
			parent := at("SELECT create_distributed_table('" + key.References + "'")
			dropped, added := at("ALTER TABLE "+table.Name+" DROP CONSTRAINT "+key.Name), at("ALTER TABLE "+table.Name+" ADD CONSTRAINT "+key.Name+" ")
			if dropped < 0 || parent <= dropped || made <= parent || added <= made {
				t.Errorf("%s of %s: dropped %d, its parent distributed %d, itself %d, added %d", key.Name, table.Name, dropped, parent, made, added)
			}
		}
	}
	if distributed < 25 {
		t.Errorf("only %d tables are distributed", distributed)
	}
	// Without Citus' own functions the rest is SQL that PostgreSQL can judge: keys are taken away and come back as they were.
	for _, statement := range plan {
		if !strings.Contains(statement, "create_distributed_table") && !strings.Contains(statement, " citus.") {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	}
	again, err := database.ReadTables(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range again {
		if table.Tenant && !slices.Equal(table.Keys, tables[i].Keys) {
			t.Errorf("%s has the keys %v, and had %v", table.Name, table.Keys, tables[i].Keys)
		}
	}
}

func TestWithoutCitusNothingIsDistributed(t *testing.T) {
	t.Parallel()
	err := database.Distribute(t.Context(), databasetest.URL(t), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "has no Citus") {
		t.Error(err)
	}
}
