package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/security.md has a line for each of the 18 threats, and the tests that it names are where it says.
func TestSecurityNamesItsTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)` in `([\\w/]+)`").FindAllStringSubmatch(string(page), -1) {
		if name, folder := m[1], m[2]; !declares(t, folder, name) {
			t.Errorf("there is no %s in %s", name, folder)
		}
	}
	rows := regexp.MustCompile(`(?m)^\| \d+ \|.*$`).FindAllString(string(page), -1)
	if len(rows) != 18 {
		t.Errorf("the page has %d threats", len(rows))
	}
	for _, row := range rows {
		if cells := strings.Split(strings.Trim(row, "|"), " | "); len(cells) != 5 || !strings.Contains(cells[3], "` in `") {
			t.Errorf("no control, no test or nothing about what is missing: %s", row)
		}
	}
}

func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
