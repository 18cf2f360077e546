package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waybill/services/database/databasetest"
)

// hurry is by how much a server of these tests is faster than the real one.
const hurry = 25

// A client that speaks byte by byte, listens byte by byte, or says nothing at all holds a connection for a while and no longer.
func TestASlowClientIsCutOff(t *testing.T) {
	t.Parallel()
	handled, broke := make(chan error, 1), make(chan error, 1)
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					broke <- err
					return
				}
			}
		}
		_, err := io.ReadAll(r.Body)
		handled <- err
	}), slog.New(slog.DiscardHandler))
	for name, c := range map[string]struct {
		is   *time.Duration
		real time.Duration
	}{
		"header": {&server.ReadHeaderTimeout, 5 * time.Second}, "request": {&server.ReadTimeout, 15 * time.Second}, "answer": {&server.WriteTimeout, time.Minute}, "silence": {&server.IdleTimeout, 2 * time.Minute},
	} {
		if *c.is == 0 || *c.is > c.real {
			t.Errorf("the %s may take %s", name, *c.is)
		}
		*c.is /= hurry
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })

	for name, c := range map[string]struct {
		first string // said at once; the rest follows byte by byte
		drip  byte
		limit time.Duration
	}{
		"a header that never ends":         {"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 'a', server.ReadHeaderTimeout},
		"nothing but a first byte":         {"P", 0, server.ReadHeaderTimeout},
		"a body that never ends":           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 'a', server.ReadTimeout},
		"silence after a request":          {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, server.IdleTimeout},
		"an answer that nobody listens to": {"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n", 0, server.WriteTimeout},
	} {
		began := time.Now()
		listens := !strings.Contains(c.first, "/endless")
		if listens {
			waitUntilClosed(t, l.Addr().String(), c.first, c.drip)
		} else {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte(c.first)); err != nil {
				t.Fatal(err)
			}
			if err := heard(t, broke, name); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		took := time.Since(began)
		if took < c.limit/2 || took > c.limit+5*time.Second {
			t.Errorf("%s: cut off after %s, the limit is %s", name, took, c.limit)
		}
		switch {
		case strings.Contains(c.first, "Content-Length"):
			if err := heard(t, handled, name); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the handler was told %v", name, err)
			}
		case strings.HasPrefix(c.first, "GET / "):
			if err := heard(t, handled, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		default:
			select {
			case <-handled:
				t.Errorf("%s: the handler was called", name)
			default:
			}
		}
	}

	// A header that is too long is refused as soon as it is.
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 64<<10))
	answer, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 431 ")) {
		t.Errorf("a long header is answered %q", answer)
	}
}

// waitUntilClosed says something, then a byte again and again (0: nothing more), until the other side closes.
func waitUntilClosed(t *testing.T, address, first string, drip byte) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, conn)
	}()
	if _, err := conn.Write([]byte(first)); err != nil {
		t.Fatal(err)
	}
	tick, patience := time.NewTicker(10*time.Millisecond), time.NewTimer(30*time.Second)
	defer tick.Stop()
	defer patience.Stop()
	for {
		select {
		case <-closed:
			return
		case <-patience.C:
			t.Fatalf("still served after %q", first)
		case <-tick.C:
			if drip != 0 {
				_, _ = conn.Write([]byte{drip}) // a failure is heard of by the reader
			}
		}
	}
}

func heard(t *testing.T, from chan error, name string) error {
	t.Helper()
	select {
	case err := <-from:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing happened", name)
		return nil
	}
}

// endless is a body of so many bytes that counts how many of them were taken.
type endless struct{ left, taken atomic.Int64 }

// Read gives more of the body.
func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left.Load())
	if n == 0 {
		return 0, io.EOF
	}
	e.left.Add(-n)
	e.taken.Add(n)
	return int(n), nil
}

// Bodies of a gigabyte, on every kind of route, all at once: each is refused early, and the program does not grow.
func TestAGigabyteIsRefusedEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.plain = true
	w.run()
	const body, copies = 1 << 30, 3
	const early = 64 << 20 // of the largest limit, 5 MiB, and of what the sockets buffer
	order := "/orders/" + unknownID
	requests := []struct {
		path   string
		header []string
		status int
	}{
		{"/session", nil, http.StatusRequestEntityTooLarge},
		{"/sign-ups", nil, http.StatusRequestEntityTooLarge},
		{"/webhooks/wix", nil, http.StatusRequestEntityTooLarge},
		{"/webhooks/aliexpress", nil, http.StatusRequestEntityTooLarge},
		{order + "/notes", []string{"Authorization", "Bearer " + w.key}, http.StatusRequestEntityTooLarge},
		{order + "/notes", []string{"Authorization", "Bearer " + w.key, "Idempotency-Key", "once"}, http.StatusRequestEntityTooLarge},
		{order + "/notes", nil, http.StatusUnauthorized},
		{"/nothing", nil, http.StatusNotFound},
	}
	before := w.process.peakMemory(t)
	var all sync.WaitGroup
	var sent []*endless
	for range copies {
		for _, r := range requests {
			for _, length := range []int64{body, -1} { // told, and in chunks
				b := &endless{}
				b.left.Store(body)
				sent = append(sent, b)
				all.Go(func() {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1"+r.path, b)
					if err != nil {
						t.Error(err)
						return
					}
					req.ContentLength = length
					req.Header.Set("Content-Type", "application/json")
					for i := 0; i+1 < len(r.header); i += 2 {
						req.Header.Set(r.header[i], r.header[i+1])
					}
					res, err := http.DefaultTransport.RoundTrip(req)
					if err != nil {
						t.Errorf("%s: %v", r.path, err)
						return
					}
					answer, _ := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if res.StatusCode != r.status || r.status == http.StatusRequestEntityTooLarge && !bytes.Contains(answer, []byte(`"body_too_large"`)) {
						t.Errorf("%s: %s %s", r.path, res.Status, answer)
					}
					if taken := b.taken.Load(); taken > early {
						t.Errorf("%s: %d bytes were taken", r.path, taken)
					}
				})
			}
		}
	}
	all.Wait()
	most := int64(0)
	for _, b := range sent {
		most = max(most, b.taken.Load())
	}
	grown := w.process.peakMemory(t) - before
	t.Logf("%d bodies of 1 GiB at once: at most %d KiB of one were taken, the program's peak memory grew from %d by %d MiB", len(sent), most>>10, before>>20, grown>>20)
	if grown > 256<<20 {
		t.Errorf("the program grew by %d MiB", grown>>20)
	}
	if a := w.call(http.MethodGet, "/orders", nil); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

// peakMemory is the most memory that a process has had, in bytes.
func (p *process) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in %s", status)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
