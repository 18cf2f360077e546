package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// pgbench runs a script with prepared statements for a while. It belongs to PostgreSQL, so its speed is what the server can do when nobody
// but it asks.
func (s *stage) pgbench(ctx context.Context, script string, clients int, window time.Duration, variables ...string) (figures, error) {
	binary, err := exec.LookPath("pgbench")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
		if len(found) == 0 {
			return figures{}, errors.New("pgbench is missing: it comes with PostgreSQL (Debian: apt-get install postgresql)")
		}
		binary = found[len(found)-1]
	}
	folder, err := os.MkdirTemp("", "waybill-bench-")
	if err != nil {
		return figures{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return figures{}, err
	}
	seconds := max(1, int(window.Round(time.Second).Seconds()))
	args := []string{
		"--no-vacuum", "--protocol=prepared", "--file=" + file, "--client=" + strconv.Itoa(clients), "--jobs=" + strconv.Itoa(min(2, clients)), "--time=" + strconv.Itoa(seconds),
		"--log", "--log-prefix=" + filepath.Join(folder, "log"),
	}
	for _, v := range variables {
		args = append(args, "--define="+v)
	}
	cmd := exec.CommandContext(ctx, binary, append(args, s.pg.URL(databaseName))...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%w\n%s", err, out.String())
	}
	return readLogs(folder, seconds, out.String())
}

// bareHandler answers a request with the rows of a query, by nothing but net/http and pgx: no key, no wall, no log, and the values as the server sends them. It is
// what Go can do on this machine. The query's argument, if it has one, is the request's tab.
func (s *stage) bareHandler(ctx context.Context, query string) (address string, stop func(), err error) {
	pool, err := pgxpool.New(ctx, s.pg.URL(databaseName))
	if err != nil {
		return "", nil, err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var args []any
		if tab := r.URL.Query().Get("tab"); tab != "" {
			args = append(args, tab)
		}
		rows, err := pool.Query(r.Context(), query, args...)
		body := []byte{'['}
		for err == nil && rows.Next() {
			for _, v := range rows.RawValues() {
				body = append(append(append(body, '"'), v...), '"', ',')
			}
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) //nolint:gosec // what the bench itself has filled
	}))
	return server.Listener.Addr().String(), func() { server.Close(); pool.Close() }, nil
}

// readLogs reads pgbench's own times: one line for each transaction, its third word the microseconds.
func readLogs(folder string, seconds int, printed string) (figures, error) {
	logs, err := filepath.Glob(filepath.Join(folder, "log*"))
	if err != nil {
		return figures{}, err
	}
	var took []time.Duration
	for _, log := range logs {
		raw, err := os.ReadFile(log)
		if err != nil {
			return figures{}, err
		}
		for line := range strings.Lines(string(raw)) {
			words := strings.Fields(line)
			if len(words) < 3 {
				continue
			}
			micros, err := strconv.ParseInt(words[2], 10, 64)
			if err != nil {
				return figures{}, fmt.Errorf("pgbench's log: %w", err)
			}
			took = append(took, time.Duration(micros)*time.Microsecond)
		}
	}
	if len(took) == 0 || strings.Contains(printed, "aborted") {
		return figures{}, fmt.Errorf("pgbench did nothing:\n%s", printed)
	}
	return summed(took, time.Duration(seconds)*time.Second), nil
}
