// Package localpg runs a private PostgreSQL for a program that was given no database: it finds the server's binaries,
// makes a cluster in a data folder, listens on a socket that only its user can reach, and stops with the program however
// the program ends. As root it runs the server as another user, because PostgreSQL refuses to be root.
package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say where and how.
type Options struct {
	Dir       string // data folder; empty: a temporary one, removed at the end
	Bin       string // folder of postgres and initdb; empty: searched
	Scratch   bool   // give up durability for speed: tests
	TempDir   string // where temporary folders go; empty: the system's
	SocketDir string // folder of the socket, at most 80 bytes; empty: a new one each time
	ExtraArgs []string
}

// Server is a running PostgreSQL.
type Server struct {
	dir, sock string
	cmd       *exec.Cmd
	leash     io.Closer // closing it, or our death, stops the server
	log       *os.File
	done      chan struct{}
	waitErr   error
}

// errNotFound tells in one sentence what to install.
var errNotFound = errors.New("no PostgreSQL server was found: install one (Debian: apt-get install postgresql, macOS: brew install postgresql@17) or set DATABASE_URL")

// Start starts the server and waits until it accepts connections.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin, err := findBinaries(o.Bin)
	if err != nil {
		return nil, err
	}
	owner, err := serverUser()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: o.Dir, done: make(chan struct{})}
	if err := s.makeFolders(o, owner); err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	if err := s.initialise(ctx, bin, attr, o.Scratch); err != nil {
		return nil, err
	}
	if s.log, err = os.OpenFile(filepath.Join(s.dir, "postgres.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
		return nil, fmt.Errorf("open the database's log: %w", err)
	}
	// A server that the last run left behind needs a moment to stop; its lock file makes ours fail until then.
	for attempt := 0; ; attempt++ {
		err = s.launch(ctx, bin, attr, o)
		if err == nil || !errors.Is(err, errLocked) || attempt == 40 {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func findBinaries(given string) (string, error) {
	if given != "" {
		if !isFile(filepath.Join(given, "postgres")) || !isFile(filepath.Join(given, "initdb")) {
			return "", fmt.Errorf("%s holds no postgres and initdb: name the folder of an installed PostgreSQL server (WAYBILL_POSTGRES_BIN) or set DATABASE_URL", given)
		}
		return given, nil
	}
	var folders []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		folders = append(folders, filepath.Dir(p))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/opt/homebrew/opt/postgresql/bin",
		"/usr/local/opt/postgresql@*/bin", "/usr/local/opt/postgresql/bin",
		"/Applications/Postgres.app/Contents/Versions/latest/bin",
	} {
		found, _ := filepath.Glob(pattern)
		sort.Sort(sort.Reverse(sort.StringSlice(found))) // newest first
		folders = append(folders, found...)
	}
	for _, f := range folders {
		if isFile(filepath.Join(f, "postgres")) && isFile(filepath.Join(f, "initdb")) {
			return f, nil
		}
	}
	return "", errNotFound
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// serverUser is whom the server runs as: nil, meaning ourselves, unless we are root.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} { // initdb wants a passwd entry
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: set DATABASE_URL or start waybill as another user")
}

func (s *Server) makeFolders(o Options, owner *syscall.Credential) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp(o.TempDir, "waybill-pg-"); err != nil {
			return fmt.Errorf("make a data folder: %w", err)
		}
	} else if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	// The path of a socket has at most 107 bytes: a folder of its own, not one below the data.
	if s.sock = o.SocketDir; s.sock != "" {
		err = os.MkdirAll(s.sock, 0o700)
	} else {
		s.sock, err = os.MkdirTemp("/tmp", "wb-pg-")
	}
	if err != nil {
		return fmt.Errorf("make a socket folder: %w", err)
	}
	if owner == nil {
		return nil
	}
	for _, d := range []string{s.dir, s.sock} {
		if err := os.Chown(d, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("hand %s to the database's user: %w", d, err)
		}
	}
	return nil
}

func (s *Server) initialise(ctx context.Context, bin string, attr *syscall.SysProcAttr, scratch bool) error {
	if isFile(filepath.Join(s.data(), "PG_VERSION")) {
		return nil
	}
	args := []string{"-D", s.data(), "-U", "waybill", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"}
	if scratch {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Env = attr, s.dir, append(os.Environ(), "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the database in %s (can the database's user reach that folder?): %w\n%s", s.dir, err, bytes.TrimSpace(out))
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

var errLocked = errors.New("another server uses the data folder")

// leashed runs postgres as a child of a shell that holds a pipe from us as file 3. When the pipe closes, by Stop or by our
// death however it comes, the shell stops the server and removes what was temporary. This works on Linux and macOS alike.
const leashed = `sock=$1 temp=$2; shift 2
"$@" 3<&- & server=$!
{ read x <&3; kill -INT $server; } 2>/dev/null & watcher=$!
exec 3<&-
wait $server; result=$?
kill $watcher 2>/dev/null
rm -rf "$sock"
[ -z "$temp" ] || rm -rf "$temp"
exit $result`

func (s *Server) launch(ctx context.Context, bin string, attr *syscall.SysProcAttr, o Options) error {
	temp := ""
	if o.Dir == "" {
		temp = s.dir
	}
	args := []string{
		"-c", leashed, "waybill-postgres", s.sock, temp, filepath.Join(bin, "postgres"), "-D", s.data(), "-k", s.sock,
		"-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", "max_connections=200", "-c", "timezone=UTC",
	}
	if o.Scratch {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0")
	}
	args = append(args, o.ExtraArgs...)
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the leash: %w", err)
	}
	s.cmd = exec.Command("/bin/sh", args...) //nolint:noctx // it outlives the call that starts it; the leash ends it
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr, s.cmd.ExtraFiles = attr, "/", s.log, s.log, []*os.File{read}
	s.leash, s.done, s.waitErr = write, make(chan struct{}), nil
	err = s.cmd.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return fmt.Errorf("start postgres: %w", err)
	}
	go func() {
		s.waitErr = s.cmd.Wait()
		close(s.done)
	}()
	return s.awaitReady(ctx)
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.done:
			_ = s.leash.Close()
			return s.whyDead()
		case <-ctx.Done():
			_ = s.Stop()
			return fmt.Errorf("postgres does not accept connections: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) whyDead() error {
	log, _ := os.ReadFile(filepath.Join(s.dir, "postgres.log"))
	if bytes.Contains(log, []byte("lock file \"postmaster.pid\" already exists")) {
		if err := os.Truncate(filepath.Join(s.dir, "postgres.log"), 0); err != nil {
			return fmt.Errorf("reset the database's log: %w", err)
		}
		if err := os.MkdirAll(s.sock, 0o700); err != nil { // the shell has removed it
			return fmt.Errorf("make a socket folder: %w", err)
		}
		if c := s.cmd.SysProcAttr.Credential; c != nil {
			_ = os.Chown(s.sock, int(c.Uid), int(c.Gid))
		}
		return fmt.Errorf("%w: is another waybill running with %s?", errLocked, s.dir)
	}
	return fmt.Errorf("postgres ended: %w\n%s", s.waitErr, bytes.TrimSpace(log))
}

// URL names a database of the server, as its owner, in the form that DATABASE_URL has.
func (s *Server) URL(database string) string { return s.url("waybill", database) }

func (s *Server) url(login, database string) string {
	return fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", s.sock, login, database)
}

// User is whom the server runs as; nil: ourselves.
func (s *Server) User() *syscall.Credential { return s.cmd.SysProcAttr.Credential }

// Login makes a login that may work as a role, and is nothing else, unless it is there. It returns the URL with which it reaches a database.
func (s *Server) Login(ctx context.Context, login, role, database string) (string, error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to the private database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for name, attributes := range map[string]string{role: "NOLOGIN", login: "LOGIN"} {
		var there bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)", name).Scan(&there)
		if err == nil && !there {
			_, err = conn.Exec(ctx, "CREATE ROLE "+pgx.Identifier{name}.Sanitize()+" "+attributes)
		}
		if err != nil {
			return "", fmt.Errorf("make the role %s: %w", name, err)
		}
	}
	if _, err := conn.Exec(ctx, "GRANT "+pgx.Identifier{role}.Sanitize()+" TO "+pgx.Identifier{login}.Sanitize()); err != nil {
		return "", fmt.Errorf("let %s work as %s: %w", login, role, err)
	}
	return s.url(login, database), nil
}

// CreateDatabase makes the database unless it is there. With fresh, one that is there is dropped first.
func (s *Server) CreateDatabase(ctx context.Context, name string, fresh bool) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	quoted := pgx.Identifier{name}.Sanitize()
	if fresh {
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop database %s: %w", name, err)
		}
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quoted); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Stop stops the server: fast, and the hard way after 20 s.
func (s *Server) Stop() error {
	_ = s.leash.Close()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGQUIT)
		<-s.done
	}
	return s.log.Close()
}
