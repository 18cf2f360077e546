package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// docs/asvs.md has each of the 253 requirements of levels 1 and 2 and the 14 of level 3 that we aim at, once and in order, with a verdict
// that says why, and its links lead somewhere.
func TestTheChecklistIsWhole(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	levels, verdicts := map[string]int{}, map[string]int{}
	var before []int
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+)\.(\d+)\.(\d+) \|.*$`).FindAllStringSubmatch(string(page), -1) {
		var id []int
		for _, part := range row[1:] {
			n, err := strconv.Atoi(part)
			if err != nil {
				t.Fatal(err)
			}
			id = append(id, n)
		}
		if slices.Compare(before, id) >= 0 {
			t.Errorf("%v comes after %v", id, before)
		}
		before = id
		cells := strings.Split(strings.Trim(row[0], "| "), " | ")
		if len(cells) < 4 {
			t.Errorf("too little: %s", row[0])
			continue
		}
		levels[cells[1]]++
		verdict := regexp.MustCompile(`^(holds|does not apply, because|partly:|missing:)`).FindString(cells[3])
		verdicts[verdict]++
		if verdict == "" || verdict == "holds" && (len(cells) < 5 || !strings.Contains(cells[4], "](")) && !strings.Contains(cells[3], "](#") {
			t.Errorf("no verdict, or nothing that shows it: %s", row[0])
		}
	}
	if levels["1"] != 70 || levels["2"] != 183 || levels["3 ★"] != 14 || len(levels) != 3 {
		t.Errorf("requirements by level: %v", levels)
	}
	sum := regexp.MustCompile(`Of (\d+) requirements (\d+) hold, (\d+) partly, (\d+) (?:is|are) missing, and (\d+) do not apply`).FindStringSubmatch(string(page))
	if want := []any{267, verdicts["holds"], verdicts["partly:"], verdicts["missing:"], verdicts["does not apply, because"]}; sum == nil || fmt.Sprint(sum[1:]) != fmt.Sprint(want) {
		t.Errorf("the page says %v, its rows %v", sum, want)
	}
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(page), -1) {
		headings[strings.ReplaceAll(strings.ToLower(strings.NewReplacer(",", "", ".", "").Replace(m[1])), " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\[([^\]]+)\]\((#|\.\./)([^)]+)\)`).FindAllStringSubmatch(string(page), -1) {
		text, kind, to := m[1], m[2], m[3]
		if kind == "#" {
			if !headings[to] {
				t.Errorf("there is no #%s", to)
			}
			continue
		}
		source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(to)))
		if err != nil {
			t.Error(err)
		} else if name := strings.Trim(text, "`"); name != text && !strings.Contains(string(source), "\nfunc "+name+"(") {
			t.Errorf("there is no %s in %s", name, to)
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
