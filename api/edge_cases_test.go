package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/edge-cases.md has a line for each of the 70 cases and names exactly the tests that there are.
func TestEdgeCasesNameTheirTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/edge-cases.md")
	if err != nil {
		t.Fatal(err)
	}
	var named, written []string
	for _, m := range regexp.MustCompile("`(TestCase\\w+)` in `([\\w/]+)`").FindAllStringSubmatch(string(page), -1) {
		if name := m[2] + " " + m[1]; !slices.Contains(named, name) { // a test may show two cases
			named = append(named, name)
		}
	}
	declared := regexp.MustCompile(`(?m)^func (TestCase\d\d\w*)\(`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return skipFolder(err)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			written = append(written, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")+" "+m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(named)
	slices.Sort(written)
	if !slices.Equal(named, written) {
		t.Errorf("the page names %v\nthere are %v", named, written)
	}
	if n := len(regexp.MustCompile(`(?m)^\| \d+( \(T\))? \|`).FindAllString(string(page), -1)); n != 70 {
		t.Errorf("the page has %d cases", n)
	}
	for _, line := range strings.Split(string(page), "\n") {
		if strings.Contains(line, "(T) |") && !strings.Contains(line, "TestCase") {
			t.Errorf("no test: %s", line)
		}
	}
}

// skipFolder leaves a folder out, unless there is an error, which it passes on.
func skipFolder(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}
