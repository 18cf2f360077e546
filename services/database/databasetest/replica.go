package databasetest

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/database"
	"waybill/services/database/localpg"
)

// Replicated is a server of its own with a migrated database, and a streaming replica of it. Both URLs are the owner's.
type Replicated struct {
	Primary, Replica string
	t                testing.TB
	standby          *localpg.Server
}

// NewReplicated starts both; they end with the test.
func NewReplicated(t testing.TB) Replicated {
	t.Helper()
	temp := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		temp = "/dev/shm"
	}
	// Asynchronous commits would not be sent at once.
	primary, err := localpg.Start(t.Context(), localpg.Options{Scratch: true, TempDir: temp, ExtraArgs: []string{"-c", "wal_level=replica", "-c", "max_wal_senders=4"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Stop() })
	if err := primary.CreateDatabase(t.Context(), "waybill", false); err != nil {
		t.Fatal(err)
	}
	if err := database.Migrate(t.Context(), primary.URL("waybill"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(temp, "waybill-replica-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	at, err := pgx.ParseConfig(primary.URL("waybill"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program(t, "pg_basebackup"), "--pgdata="+filepath.Join(folder, "data"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--dbname=host="+at.Host+" user="+at.User)
	cmd.Dir = "/"
	if owner := primary.User(); owner != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy the primary: %v\n%s", err, out)
	}
	standby, err := localpg.Start(t.Context(), localpg.Options{Dir: folder, Scratch: true, ExtraArgs: []string{"-c", "wal_level=replica", "-c", "max_wal_senders=4"}})
	if err != nil {
		t.Fatal(err)
	}
	r := Replicated{Primary: primary.URL("waybill"), Replica: standby.URL("waybill"), t: t, standby: standby}
	t.Cleanup(r.Stop)
	return r
}

// program finds one of PostgreSQL's programs: it comes with the server or its client.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/opt/homebrew/opt/postgresql*/bin/", "/usr/local/opt/postgresql*/bin/"} {
		if found, _ := filepath.Glob(pattern + name); len(found) > 0 && err != nil {
			path, err = found[len(found)-1], nil
		}
	}
	if err != nil {
		t.Fatalf("%s is missing: it comes with PostgreSQL: %v", name, err)
	}
	return path
}

// Pause keeps the replica from showing anything newer; Resume lets it go on.
func (r Replicated) Pause() {
	r.t.Helper()
	r.do("SELECT pg_wal_replay_pause()")
	deadline, tick := time.NewTimer(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for r.do("SELECT pg_get_wal_replay_pause_state()") != "paused" {
		select {
		case <-deadline.C:
			r.t.Fatal("the replica does not pause")
		case <-tick.C:
		}
	}
}

// Resume lets a paused replica go on.
func (r Replicated) Resume() {
	r.t.Helper()
	r.do("SELECT pg_wal_replay_resume()")
}

// Stop ends the replica; it may have ended.
func (r Replicated) Stop() { _ = r.standby.Stop() }

func (r Replicated) do(statement string) (answer string) {
	r.t.Helper()
	ctx := context.WithoutCancel(r.t.Context())
	conn, err := pgx.Connect(ctx, r.Replica)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, statement+"::text")
	if err != nil {
		r.t.Fatal(err)
	}
	if answer, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[string]); err != nil {
		r.t.Fatal(err)
	}
	return answer
}
