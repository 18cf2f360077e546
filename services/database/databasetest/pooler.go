package databasetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/database"
)

// Pooler is a PgBouncer in transaction mode before a fresh migrated database, and the ways to that: Pooled goes through it and Direct past
// it, both with a login that owns nothing; Owner is as URL gives it.
type Pooler struct{ Pooled, Direct, Owner string }

// PooledConns is how many connections to the database PgBouncer shares out: fewer than tests use, so that nobody gets the same one twice.
const PooledConns = 3

// The pooler ends when the pipe that it holds as file 3 closes, however we die.
const leashed = `"$@" 3<&- & pooler=$!
{ read x <&3; kill -TERM $pooler; } 2>/dev/null &
exec 3<&-
wait $pooler`

// NewPooler starts a PgBouncer that ends with the test.
func NewPooler(t testing.TB) Pooler {
	t.Helper()
	owner := URL(t)
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := pgx.ParseConfig(owner)
	if err != nil {
		t.Fatal(err)
	}
	const login = "waybill_pooled"
	direct, err := s.Login(t.Context(), login, database.Role, parsed.Database)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(t.Context())) }()
	for setting, value := range map[string]string{"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s"} {
		// Of its part in this database: other tests may say the same at the same time.
		if _, err := admin.Exec(t.Context(), fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET %s = '%s'", login, parsed.Database, setting, value)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := os.MkdirTemp("/tmp", "wb-pool-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	settings := fmt.Sprintf("[databases]\n* = host=%s\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 200\nlisten_addr =\nunix_socket_dir = %s\n"+
		"auth_type = trust\nauth_file = %s/users\nadmin_users = %s\n", parsed.Host, PooledConns, folder, folder, login)
	for name, text := range map[string]string{"settings": settings, "users": fmt.Sprintf("%q \"\"\n", login)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	startPooler(t, folder)
	pooled := strings.Replace(direct, "host="+parsed.Host, "host="+folder+" port=6432", 1)
	deadline, tick := time.NewTimer(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(t.Context(), pooled)
		if err == nil {
			_ = conn.Close(t.Context())
			return Pooler{Pooled: pooled, Direct: direct, Owner: owner}
		}
		select {
		case <-deadline.C:
			log, _ := os.ReadFile(filepath.Join(folder, "log"))
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, log)
		case <-tick.C:
		}
	}
}

func startPooler(t testing.TB, folder string) {
	t.Helper()
	program := ""
	for _, p := range []string{os.Getenv("PGBOUNCER"), "pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/opt/pgbouncer/bin/pgbouncer", "/usr/local/opt/pgbouncer/bin/pgbouncer"} {
		if found, err := exec.LookPath(p); p != "" && err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Fatal("PgBouncer is missing: make pgbouncer installs it, or says how")
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "/bin/sh", "-c", leashed, "waybill-pooler", program, filepath.Join(folder, "settings")) //nolint:gosec // the program that the environment names is what is wanted
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{read}
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	if owner := s.User(); owner != nil { // as root: PgBouncer will not be root, and only this user reaches the database
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		for _, path := range []string{folder, filepath.Join(folder, "settings"), filepath.Join(folder, "users")} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	t.Cleanup(func() {
		_ = write.Close()
		_ = cmd.Wait()
		_ = log.Close()
	})
}
