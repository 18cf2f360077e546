package main

import (
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Without DATABASE_URL the program brings a PostgreSQL of its own, which lives and dies with it and keeps its data.
func TestPrivatePostgres(t *testing.T) {
	t.Parallel()
	users := map[string]*syscall.Credential{"as we are": nil}
	if os.Geteuid() == 0 { // then the database runs as another user, and a normal user's way is tried as well
		users["as a normal user"] = nobody(t)
	}
	for name, as := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := reachable(t)
			if as != nil {
				if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
					t.Fatal(err)
				}
			}
			data := filepath.Join(dir, "data")
			w := newWorld(t, "", "WAYBILL_DATA_DIR="+data, "WAYBILL_API_KEY=")
			w.user = as

			w.run()
			w.key = printedKey(t, w.process)
			w.do(http.MethodGet, "/orders", nil, http.StatusOK, nil)
			w.connect()
			if running := processesWith(t, data); running == 0 {
				t.Error("no process uses the data folder: this test looks in the wrong place")
			}

			w.kill()
			w.await("the database has died with the program", func() bool { return processesWith(t, data) == 0 })

			const late = "a-key-that-comes-too-late-0123456789"
			w.env = append(w.env, "WAYBILL_API_KEY="+late)
			w.run()
			if w.call(http.MethodGet, "/orders", nil).status != http.StatusOK {
				t.Error("the first key no longer works")
			}
			if strings.Contains(w.process.lines(), w.key) {
				t.Error("the key is shown again")
			}
			var page struct{ Connections []struct{ ID, State string } }
			w.do(http.MethodGet, "/connections", nil, http.StatusOK, &page)
			if len(page.Connections) != 2 {
				t.Errorf("after kill -9 there are %d connections", len(page.Connections))
			}
			if a := w.send(http.MethodGet, "/orders", "Bearer "+late, "", nil); a.status != http.StatusUnauthorized {
				t.Errorf("a key set later is answered %d", a.status)
			}
			w.awaitOrder(w.buy("paid", w.goods()...), "the sealed tokens can still be read", inTab("awaiting_order"))

			w.terminate()
			w.await("the database has stopped with the program", func() bool { return processesWith(t, data) == 0 })
		})
	}
}

func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatalf("nobody is %+v", u)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// printedKey finds the one key that was printed, and wants it nowhere in the log.
func printedKey(t *testing.T, p *process) string {
	t.Helper()
	var keys []string
	for _, line := range strings.Split(p.lines(), "\n") {
		if _, key, found := strings.Cut(line, "shown only this once: "); found {
			keys = append(keys, strings.TrimSpace(key))
		}
	}
	if len(keys) != 1 || len(keys[0]) < 24 {
		t.Fatalf("the keys printed are %q", keys)
	}
	if strings.Count(p.lines(), keys[0]) != 1 {
		t.Errorf("the key is shown more than once")
	}
	for _, line := range strings.Split(p.lines(), "\n") {
		if strings.HasPrefix(line, "{") && strings.Contains(line, keys[0]) {
			t.Errorf("the key is in the log: %s", line)
		}
	}
	return keys[0]
}

// processesWith counts the processes that name the folder in their command.
func processesWith(t *testing.T, folder string) (n int) {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if raw, err := os.ReadFile(c); err == nil && strings.Contains(string(raw), folder) {
			n++
		}
	}
	if len(commands) == 0 { // no /proc: macOS
		out, err := exec.Command("ps", "-axww", "-o", "command").Output()
		if err != nil {
			t.Fatal(err)
		}
		n = strings.Count(string(out), folder)
	}
	return n
}

// Without PostgreSQL the program ends with one sentence that says what to do.
func TestNoPostgres(t *testing.T) {
	t.Parallel()
	env := []string{"WAYBILL_DATA_DIR=" + filepath.Join(reachable(t), "data"), "WAYBILL_POSTGRES_BIN=" + t.TempDir(), "WAYBILL_METRICS_LISTEN=off", "WAYBILL_LISTEN=127.0.0.1:0"}
	for _, command := range []string{"serve", "migrate", "demo"} {
		p := execute(t, env, nil, command)
		if code := p.ended(t); code != 1 {
			t.Errorf("%s ends with status %d", command, code)
		}
		said := lastLine(p)
		for _, want := range []string{"waybill: ", "PostgreSQL", "WAYBILL_POSTGRES_BIN", "DATABASE_URL"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s says nothing of %q: %s", command, want, said)
			}
		}
	}
}
