package database_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
)

func TestEveryIndexIsForSomething(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/indexes.md")
	if err != nil {
		t.Fatal(err)
	}
	owner := databasetest.Owner(t, databasetest.New(t))
	var names []string
	err = owner.Raw(`SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
		WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relname NOT LIKE 'river\_%' ORDER BY 1`).Scan(&names).Error
	if err != nil || len(names) < 120 {
		t.Fatalf("%d indexes, %v", len(names), err)
	}
	there, functions := map[string]bool{}, functionsOf(t)
	for _, name := range names {
		there[name] = true
		if n := strings.Count(string(page), "\n| `"+name+"` |"); n != 1 {
			t.Errorf("%s has %d lines in docs/indexes.md", name, n)
		}
	}
	for _, line := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (`\\w+\\.\\w+`.*?) \\| .+ \\|$").FindAllStringSubmatch(string(page), -1) {
		if !there[line[1]] {
			t.Errorf("docs/indexes.md has a line for %s, which is not there", line[1])
		}
		for _, fn := range strings.Split(line[2], ", ") {
			if !functions[strings.Trim(fn, "`")] {
				t.Errorf("%s is said to serve %s, which is not there", line[1], fn)
			}
		}
		delete(there, line[1])
	}
	for name := range there {
		t.Errorf("the line of %s names no function", name)
	}
	for _, line := range regexp.MustCompile("(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\| (\\d+) \\|").FindAllStringSubmatch(string(page), -1) {
		for _, table := range strings.Split(line[1], ", ") {
			var factor int
			err := owner.Raw(`SELECT coalesce((SELECT option_value::int FROM pg_options_to_table(reloptions) WHERE option_name = 'fillfactor'), 100) FROM pg_class WHERE oid = ?::regclass`, strings.Trim(table, "`")).Row().Scan(&factor)
			if err != nil || strconv.Itoa(factor) != line[2] {
				t.Errorf("%s is said to have the fill factor %s and has %d, %v", table, line[2], factor, err)
			}
		}
	}
}

// functionsOf are those of the services, as package.Name.
func functionsOf(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				found[parsed.Name.Name+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
