package people

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listOf writes a list as haveibeenpwned.com gives it.
func listOf(t *testing.T, end string, passwords ...string) StolenPasswords {
	t.Helper()
	lines := make([]string, len(passwords))
	for i, p := range passwords {
		lines[i] = fmt.Sprintf("%X:%d", sha1.Sum([]byte(p)), i*i*7919+1)
	}
	slices.Sort(lines)
	return written(t, strings.Join(lines, end))
}

func written(t *testing.T, text string) StolenPasswords {
	t.Helper()
	name := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return StolenPasswords(name)
}

func TestAStolenPasswordIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n"} {
		for n := 1; n < 70; n++ {
			var in []string
			for i := range n {
				in = append(in, fmt.Sprint("stolen ", i))
			}
			list := listOf(t, end, in...)
			if err := list.Check(); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if found, err := list.has(in[i]); err != nil || !found {
					t.Errorf("%d of %d: %v, %v", i, n, found, err)
				}
				if found, err := list.has(fmt.Sprint("safe ", i)); err != nil || found {
					t.Errorf("what is not among %d is found: %v, %v", n, found, err)
				}
			}
		}
	}
	if found, err := StolenPasswords("").has("anything"); err != nil || found {
		t.Errorf("without a list: %v, %v", found, err)
	}
}

func TestAFileThatIsNoListOfStolenPasswordsIsTold(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("A", 40)+":1\n", strings.Repeat("B", 40)+":1\n"
	for what, file := range map[string]StolenPasswords{
		"missing": StolenPasswords(filepath.Join(t.TempDir(), "none")), "a folder": StolenPasswords(t.TempDir()), "empty": written(t, ""), "unsorted": written(t, b+a),
		"NTLM": written(t, strings.Repeat("A", 32)+":1\n"), "text": written(t, strings.Repeat("password\n", 100)), "one long line": written(t, strings.Repeat("A", 4000)),
	} {
		if err := file.Check(); err == nil {
			t.Errorf("%s: nothing is told", what)
		}
	}
	if _, err := written(t, "no list\n").has("anything"); err == nil {
		t.Error("a list that cannot be read lets every password pass")
	}
}
