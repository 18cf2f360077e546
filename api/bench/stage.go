package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/localpg"
	"waybill/services/wix/wixsim"
)

const (
	databaseName = "bench"
	adminKey     = "key-of-the-bench-0123456789" // of the first merchant
	program      = "bin/waybill"
)

// stage is what a measurement stands on: a durable PostgreSQL, both platforms, and as many of the program's processes as it wants.
type stage struct {
	b       *bench
	pg      *localpg.Server
	db      *pgx.Conn // the owner's
	wix     *wixsim.Server
	ali     *aliexpresssim.Server
	wixURL  string
	aliURL  string
	latency atomic.Int64 // of each call of a platform, in nanoseconds
	checks  atomic.Int64 // orders that AliExpress was asked for: to count them in the database would cost as much as a sweep
	data    string       // data folder of the program
	servers []*httptest.Server
}

// newStage starts the database, migrates it, and starts the simulators.
func newStage(ctx context.Context, b *bench) (s *stage, err error) {
	if _, err := os.Stat(program); err != nil {
		return nil, errors.New("bin/waybill is missing: run make bench, which builds it")
	}
	s = &stage{b: b}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	b.say("starting PostgreSQL (fsync on) ...")
	// Only what decides how much fits into memory and how often it is written back differs from a fresh server's settings.
	if s.pg, err = localpg.Start(ctx, localpg.Options{ExtraArgs: []string{"-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB", "-c", "checkpoint_timeout=15min"}}); err != nil {
		return nil, err
	}
	if err := s.pg.CreateDatabase(ctx, databaseName, true); err != nil {
		return nil, err
	}
	if s.db, err = pgx.Connect(ctx, s.pg.URL(databaseName)); err != nil {
		return nil, err
	}
	if s.data, err = os.MkdirTemp("", "waybill-bench-"); err != nil {
		return nil, err
	}
	s.wix, s.ali = wixsim.New(wixsim.Options{RateLimit: -1}), aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})
	s.wixURL, s.aliURL = s.serve(s.wix), s.serve(s.ali)
	return s, nil
}

// serve is a platform that takes its time.
func (s *stage) serve(h http.Handler) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := time.Duration(s.latency.Load()); wait > 0 {
			<-time.After(wait)
		}
		if body, err := io.ReadAll(r.Body); err == nil {
			if bytes.Contains(body, []byte("method=aliexpress.trade.ds.order.get")) {
				s.checks.Add(1)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		h.ServeHTTP(w, r)
	}))
	s.servers = append(s.servers, server)
	return server.URL
}

func (s *stage) stop() {
	for _, server := range s.servers {
		server.CloseClientConnections()
		server.Close()
	}
	if s.wix != nil {
		s.wix.Close()
		s.ali.Close()
	}
	if s.db != nil {
		_ = s.db.Close(context.Background())
	}
	if s.pg != nil {
		_ = s.pg.Stop()
	}
	if s.data != "" {
		_ = os.RemoveAll(s.data)
	}
}

// exec runs statements of the owner's.
func (s *stage) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := s.db.Exec(ctx, statement, args...); err != nil {
		return fmt.Errorf("%w\n%s", err, statement)
	}
	return nil
}

// one reads one value.
func one[T any](ctx context.Context, s *stage, query string, args ...any) (v T, err error) {
	err = s.db.QueryRow(ctx, query, args...).Scan(&v)
	return v, err
}

// process is a running Waybill.
type process struct {
	cmd     *exec.Cmd
	address string
	exited  chan error
	started time.Duration // until it was ready
}

// start starts a program that does what the roles say, and waits until it is ready.
func (s *stage) start(ctx context.Context, roles string, more ...string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // over at once
	if err != nil {
		return nil, err
	}
	p := &process{address: l.Addr().String(), exited: make(chan error, 1)}
	if err := l.Close(); err != nil {
		return nil, err
	}
	wix, ali := s.wix.Info(), s.ali.Info()
	p.cmd = exec.Command(program, "serve") //nolint:noctx // stop ends it
	p.cmd.Env = append([]string{
		"DATABASE_URL=" + s.pg.URL(databaseName), "WAYBILL_DATA_DIR=" + s.data, "WAYBILL_LISTEN=" + p.address, "WAYBILL_METRICS_LISTEN=off", "WAYBILL_LOG_FORMAT=json",
		"WAYBILL_API_KEY=" + adminKey, "WAYBILL_WIX_BASE_URL=" + s.wixURL, "WAYBILL_WIX_APP_ID=" + wix.AppID, "WAYBILL_WIX_APP_SECRET=" + wix.AppSecret,
		"WAYBILL_WIX_PUBLIC_KEY=" + wix.WebhookPublicKey, "WAYBILL_WIX_PER_MINUTE=0", "WAYBILL_ALIEXPRESS_BASE_URL=" + s.aliURL,
		"WAYBILL_ALIEXPRESS_APP_KEY=" + ali.AppKey, "WAYBILL_ALIEXPRESS_APP_SECRET=" + ali.AppSecret, "WAYBILL_ALIEXPRESS_PER_SECOND=0",
		"WAYBILL_ROLES=" + roles, "WAYBILL_REQUESTS_PER_MINUTE=0", "PATH=" + os.Getenv("PATH"), "HOME=" + s.data,
	}, more...)
	log, err := os.Create(filepath.Join(s.data, "log"))
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log // a file, as in life: a pipe would cost us a part of the cores
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.cmd.Wait() }()
	for {
		conn, err := ask(ctx, p.address, []byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		if err == nil && conn != nil {
			p.started = time.Since(began)
			return p, nil
		}
		select {
		case err := <-p.exited:
			said, _ := os.ReadFile(filepath.Join(s.data, "log"))
			return nil, fmt.Errorf("waybill ended: %w\n%s", err, said)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop asks the program to end and waits until it has.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-p.exited
}

// cpu is the processor time that the program's processes, and all of the database's, have used so far.
func (s *stage) cpu(processes ...*process) (program, database time.Duration, err error) {
	for _, p := range processes {
		used, err := cpuOf(p.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		program += used
	}
	server, err := one[string](context.Background(), s, "SELECT pg_read_file('postmaster.pid')")
	if err != nil {
		return 0, 0, err
	}
	pid, _, _ := strings.Cut(server, "\n")
	folders, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, 0, err
	}
	for _, f := range folders {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		words := strings.Fields(rest)
		if len(words) > 14 && (words[1] == pid || strings.HasPrefix(string(raw), pid+" ")) {
			database += ticks(words)
		}
	}
	return program, database, nil
}

func cpuOf(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	return ticks(strings.Fields(rest)), nil
}

// ticks adds what a process, and its children that have ended, have used: hundredths of a second.
func ticks(words []string) (sum time.Duration) {
	for _, w := range words[11:15] {
		n, _ := strconv.ParseInt(w, 10, 64)
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}

// memory is what a process has in memory, and the most that it has had, in MB.
func memory(pid int) (now, peak float64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	of := func(name string) float64 {
		_, rest, _ := strings.Cut(string(raw), name+":")
		words := strings.Fields(rest)
		if len(words) == 0 {
			return 0
		}
		kb, _ := strconv.ParseFloat(words[0], 64)
		return kb / 1024
	}
	return of("VmRSS"), of("VmHWM"), nil
}

// call speaks to the API as the first merchant.
func (p *process) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.address+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		var said bytes.Buffer
		_, _ = said.ReadFrom(res.Body)
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, said.String())
	}
	return json.NewDecoder(res.Body).Decode(out)
}
