package main

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"waybill/services/database/databasetest"
)

// streamed is one server-sent event.
type streamed struct{ id, name, data string }

// stream reads the program's events until it is closed.
type stream struct {
	mu     sync.Mutex
	seen   []streamed
	status int
	header http.Header
	over   chan struct{}
	close  context.CancelFunc
}

func (w *world) stream(lastID string) *stream {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &stream{status: res.StatusCode, header: res.Header, over: make(chan struct{}), close: cancel}
	go func() {
		defer close(s.over)
		defer func() { _ = res.Body.Close() }()
		var e streamed
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					s.mu.Lock()
					s.seen = append(s.seen, e)
					s.mu.Unlock()
				}
				e = streamed{}
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-s.over
	})
	return s
}

func (s *stream) events() []streamed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]streamed{}, s.seen...)
}

// has says whether an event of a name with all these texts in its data has come.
func (s *stream) has(name string, texts ...string) bool {
	for _, e := range s.events() {
		all := e.name == name
		for _, text := range texts {
			all = all && strings.Contains(e.data, text)
		}
		if all {
			return true
		}
	}
	return false
}

func (s *stream) lastID() (id string) {
	for _, e := range s.events() {
		if e.id != "" {
			id = e.id
		}
	}
	return id
}

// Whoever watches hears of orders, counts and sync jobs as they change, and after a broken connection of everything that
// happened meanwhile, once.
func TestChangesAreStreamedAndResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.run()
	w.connect()
	s := w.stream("")
	if s.status != http.StatusOK || s.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream answers %d, %s", s.status, s.header.Get("Content-Type"))
	}
	w.await("the stream is ready", func() bool { return s.has("ready") })
	first := w.buy("authorized")
	o := w.awaitOrder(first, "the order is here", inTab("pending"))
	w.await("it is told", func() bool { return s.has("order", o.ID, `"tab":"pending"`, `"created":true`) })
	w.await("with the row of a list", func() bool {
		return s.has("order", o.ID, `"order":{"id":"`+o.ID+`"`, `"line_count":`, `"supplier_numbers":[]`)
	})
	w.await("the counts are told", func() bool { return s.has("counts", `"pending":`) })
	if _, err := w.wix.PayOrder(first); err != nil {
		t.Fatal(err)
	}
	w.await("its move is told", func() bool {
		return s.has("order", o.ID, `"before":"pending"`, `"tab":"awaiting_order"`, "tab_changed")
	})
	var job struct{ ID string }
	w.do(http.MethodPost, "/orders/"+o.ID+"/sync", nil, http.StatusAccepted, &job)
	w.await("the end of the sync is told", func() bool { return s.has("sync_job", job.ID, `"state":"done"`) })

	last := s.lastID()
	s.close()
	<-s.over
	second := w.buy("paid")
	missed := w.awaitOrder(second, "another order is here", inTab("awaiting_order"))
	again := w.stream(last)
	w.await("what was missed is told", func() bool { return again.has("order", missed.ID, `"created":true`) })
	if again.has("order", o.ID, `"created":true`) || again.has("reset") {
		t.Errorf("a stream that goes on tells again what was told: %v", again.events())
	}
	ids := map[string]bool{}
	for _, e := range append(s.events(), again.events()...) {
		if e.id != "" && e.name != "ready" && ids[e.id] {
			t.Errorf("told twice: %+v", e)
		}
		ids[e.id] = true
	}

	old := w.stream("10.1000000000.00000000-0000-0000-0000-000000000000")
	w.await("whoever was away for too long is told to read everything anew", func() bool { return old.has("reset") && old.has("counts") })
	for _, bad := range []string{"x", "1.2.3"} {
		if s := w.stream(bad); s.status != http.StatusUnprocessableEntity {
			t.Errorf("Last-Event-ID %q: %d", bad, s.status)
		}
	}
	if a := w.send(http.MethodGet, "/events", "Bearer wrong", "", nil); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d", a.status)
	}
	w.terminate() // open streams do not keep the program
	<-again.over
}

// A person's way through the page of consent: it ends in the browser that began it, once.
func TestConsentIsFinishedInTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.env = append(w.env, "WAYBILL_PUBLIC_URL="+w.url)
	w.run()
	begin := func(platform string) (where string, cookies []*http.Cookie) {
		a := w.call(http.MethodPost, "/connections/authorizations", map[string]any{"platform": platform})
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var begun struct{ URL string }
		a.into(t, &begun)
		return begun.URL, (&http.Response{Header: a.header}).Cookies()
	}
	// follow goes where the page of consent leads and gives where the program leads from there.
	follow := func(where string, cookies []*http.Cookie) (location string) {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, where, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies {
			req.AddCookie(c)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Header.Get("Location")
	}
	page, cookies := begin("aliexpress")
	back := follow(page+"&approve="+w.ali.Info().UserID, nil)
	if !strings.HasPrefix(back, w.url+"/api/v1/connections/aliexpress/callback?") {
		t.Fatalf("the page of consent leads to %s", back)
	}
	if to := follow(back, nil); to != "/?connect_error=consent_state_invalid" {
		t.Errorf("another browser: %s", to)
	}
	if to := follow(back, cookies); to != "/?connect_error=consent_state_invalid" {
		t.Errorf("a state that was tried elsewhere still works: %s", to)
	}
	page, cookies = begin("aliexpress")
	back = follow(page+"&approve="+w.ali.Info().UserID, nil)
	if to := follow(back, cookies); to != "/?connected=aliexpress" {
		t.Errorf("the browser that began it: %s", to)
	}
	if to := follow(back, cookies); to != "/?connect_error=consent_state_invalid" {
		t.Errorf("a second time: %s", to)
	}
	page, cookies = begin("aliexpress")
	if to := follow(follow(page+"&refuse", nil), cookies); to != "/?connect_error=consent_denied" {
		t.Errorf("a person who refuses: %s", to)
	}
	// Wix: the page leads back with an instance id, which proves nothing until Wix itself tells of the installation.
	page, cookies = begin("wix")
	at := strings.Index(page, "postInstallationUrl=")
	if at < 0 || !strings.HasPrefix(page, "https://www.wix.com/app-installer?") {
		t.Fatalf("Wix' page is %s", page)
	}
	back = follow(w.wixURL+"/app-installer"+page[strings.Index(page, "?"):], nil)
	if to := follow(strings.Replace(back, "signedInstance=", "nothing=", 1), cookies); to != "/?connect_error=install_not_confirmed" && to != "/?connected=wix" {
		t.Errorf("an instance id alone: %s from %s", to, back)
	}
	var list struct {
		Connections []struct{ Platform, State string }
	}
	w.do(http.MethodGet, "/connections", nil, http.StatusOK, &list)
	if len(list.Connections) == 0 {
		t.Error("nothing is connected")
	}
	w.terminate()
}
