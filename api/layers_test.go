package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What each package may import beyond the standard library and what its tests may: ours by folder, others by module. A
// package without a line fails, so a new package is a conscious act. Arrows point down: api wires, handlers speak HTTP,
// services decide and act, models know.
var mayImport = map[string]string{
	"models":                            "",
	"services/platform":                 "models golang.org/x/time go.opentelemetry.io",
	"services/mail":                     "models github.com/wneessen/go-mail",
	"services/mail/mailtest":            "models github.com/emersion",
	"services/outbox":                   "models services/database github.com/riverqueue",
	"services/outgoing":                 "models services/audit services/database services/mail services/outbox services/vault code.dny.dev/ssrf github.com/riverqueue gorm.io",
	"services/database":                 "models gorm.io github.com/riverqueue github.com/jackc github.com/pressly github.com/google/uuid go.opentelemetry.io",
	"services/database/localpg":         "github.com/jackc",
	"services/database/databasetest":    "services/database services/database/localpg gorm.io github.com/jackc",
	"services/feed":                     "models services/database gorm.io",
	"services/health":                   "models services/database gorm.io",
	"services/budgets":                  "models services/database services/platform",
	"services/idempotency":              "models services/database gorm.io",
	"services/audit":                    "models services/database gorm.io",
	"services/vault":                    "models services/audit services/database gorm.io",
	"services/orders":                   "models services/audit services/database services/feed services/outbox services/vault gorm.io github.com/goccy/go-json",
	"services/accounts":                 "models services/audit services/database services/feed services/outbox services/vault gorm.io",
	"services/people":                   "models services/accounts services/audit services/database services/mail services/vault gorm.io github.com/alexedwards github.com/go-webauthn github.com/pquerna/otp github.com/riverqueue github.com/trustelem/zxcvbn",
	"services/desk":                     "models services/database services/orders gorm.io",
	"services/ordersync":                "models services/audit services/budgets services/database services/feed services/outbox services/health services/idempotency services/orders services/accounts services/vault gorm.io github.com/klauspost/compress github.com/riverqueue golang.org/x/sync",
	"services/wix":                      "models services/platform github.com/goccy/go-json github.com/golang-jwt",
	"services/wix/wixsim":               "", // not even its own adapter: it must not share a mistake with it
	"services/aliexpress":               "models services/platform",
	"services/aliexpress/aliexpresssim": "",
	"handlers":                          "models services/audit services/feed services/idempotency services/orders services/ordersync services/outgoing services/accounts services/desk services/people github.com/go-chi github.com/go-playground github.com/goccy/go-json go.opentelemetry.io golang.org/x/time",
	"docs":                              "github.com/swaggo/files",
	"docs/convert":                      "github.com/getkin",
	"web":                               "",
	"api/bench":                         "models services/aliexpress services/aliexpress/aliexpresssim services/database services/database/localpg services/wix/wixsim github.com/jackc github.com/riverqueue",
	"api":                               "models services/audit handlers docs web services/accounts services/aliexpress services/budgets services/database services/database/localpg services/desk services/feed services/health services/idempotency services/mail services/orders services/ordersync services/outgoing services/people services/vault services/wix github.com/pquerna/otp github.com/prometheus go.opentelemetry.io",
}

// Tests may import more: the database and the simulators they run against, and the tools of testing.
const testsMayImport = "services/database services/database/localpg services/database/databasetest services/orders services/ordersync services/accounts services/audit services/people services/mail services/mail/mailtest services/outgoing services/budgets services/health services/vault models docs handlers " +
	"services/wix services/wix/wixsim services/aliexpress services/aliexpress/aliexpresssim services/platform " +
	"github.com/google/go-cmp pgregory.net/rapid github.com/getkin github.com/golang-jwt github.com/jackc github.com/riverqueue gorm.io github.com/go-chi github.com/emersion github.com/standard-webhooks github.com/pquerna/otp golang.org/x/sync go.opentelemetry.io google.golang.org/protobuf go.yaml.in/yaml/v3"

// Only these files may import the simulators outside tests.
var simulatorUsers = []string{"api/demo.go", "api/demo_shop.go", "api/simulators.go"}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := path.Clean(filepath.ToSlash(strings.TrimPrefix(file, "..")))
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		name = strings.TrimPrefix(name, "/")
		pkg := path.Dir(name)
		allowed, listed := mayImport[pkg]
		if !listed {
			t.Errorf("%s: package %s has no line in the table", name, pkg)
		}
		seen[pkg] = true
		if strings.HasSuffix(name, "_test.go") {
			allowed += " " + testsMayImport + " " + pkg
		}
		if slices.Contains(simulatorUsers, name) {
			allowed += " services/wix/wixsim services/aliexpress/aliexpresssim"
		}
		checkImports(t, name, file, strings.Fields(allowed))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the table names %s, which is not there", pkg)
		}
	}
}

func checkImports(t *testing.T, name, file string, allowed []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range parsed.Imports {
		imported := strings.Trim(i.Path.Value, `"`)
		ours := strings.HasPrefix(imported, "waybill/")
		if !ours && !strings.Contains(strings.Split(imported, "/")[0], ".") {
			continue // standard library
		}
		fits := func(a string) bool {
			if ours {
				return imported == "waybill/"+a
			}
			return imported == a || strings.HasPrefix(imported, a+"/")
		}
		if !slices.ContainsFunc(allowed, fits) {
			t.Errorf("%s may not import %s", name, imported)
		}
	}
}
