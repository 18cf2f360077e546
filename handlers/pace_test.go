package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

// Each key and session has its own requests; what is made up has those of its address, and platforms have all that they want.
func TestWhoAsksTooOftenIsToldToWait(t *testing.T) {
	t.Parallel()
	const perMinute = 30
	d := newDoor(t)
	deps := d.deps
	deps.RequestsPerMinute = perMinute
	d.serve(deps)
	owner, member := d.as(models.RoleOwner), d.as(models.RoleMember)
	// until asks until it is told to wait, and gives how often it was answered otherwise; a request comes back every two seconds.
	until := func(ask func(i int) asked) (answered int) {
		t.Helper()
		for i := range 2 * perMinute {
			got := ask(i)
			if got.status != http.StatusTooManyRequests {
				answered++
				continue
			}
			if got.code != "too_many_requests" || !strings.Contains(got.text, `"retry_after"`) {
				t.Errorf("%d %s", got.status, got.text)
			}
			return answered
		}
		t.Fatal("nobody is told to wait")
		return 0
	}
	me := func(key string) func(int) asked {
		return func(int) asked { return d.ask(key, http.MethodGet, "/me", "") }
	}
	for range 2 { // known from its first request on
		owner.does(http.MethodGet, "/me", "", http.StatusOK, nil)
		member.does(http.MethodGet, "/me", "", http.StatusOK, nil)
	}
	if n := until(me(d.key)); n < perMinute || n > perMinute+10 {
		t.Errorf("a key is answered %d times", n)
	}
	if n := until(func(int) asked { return owner.send(http.MethodGet, "/me", "") }); n < perMinute-5 || n > perMinute+10 {
		t.Errorf("a session is answered %d times", n)
	}
	made := until(func(i int) asked {
		if i%2 == 0 {
			return d.ask(fmt.Sprint("wbk_GUESS", i), http.MethodGet, "/me", "")
		}
		return d.ask("", http.MethodPost, "/session", `{"email":"x"}`)
	})
	if made > perMinute {
		t.Errorf("what is made up is answered %d times", made)
	}
	member.does(http.MethodGet, "/me", "", http.StatusOK, nil) // from the same address
	for range 2 * perMinute {
		if got := d.ask("", http.MethodGet, "/webhooks/aliexpress", ""); got.status != http.StatusOK {
			t.Fatalf("a platform is answered %d %s", got.status, got.code)
		}
	}
}

func TestARequestComesBackWithItsTime(t *testing.T) {
	t.Parallel()
	p, now := paces{perMinute: 60}, time.Now()
	for i := range 60 {
		if wait := p.take("a", now); wait != 0 {
			t.Fatalf("the request %d waits %s", i, wait)
		}
	}
	if wait := p.take("a", now); wait != time.Second {
		t.Errorf("waits %s", wait)
	}
	if wait := p.take("a", now.Add(time.Second)); wait != 0 {
		t.Errorf("still waits %s", wait)
	}
	p.take("b", now.Add(30*time.Second))
	if p.take("c", now.Add(70*time.Second)); p.knows("a") || p.knows("b") || !p.knows("c") {
		t.Errorf("who has been quiet is remembered: %d", len(p.seen))
	}
	if network("2001:db8::1") != network("2001:db8::2:3") || network("2001:db8::1") == network("2001:db8:0:1::1") || network("192.0.2.1") != "192.0.2.1" || network("") != "" {
		t.Error("networks")
	}
}

// What all bodies hold together is bounded, and free again when their requests have ended.
func TestTooManyBodiesAtOnceAreSentAway(t *testing.T) {
	t.Parallel()
	b := &bodies{most: 10_000}
	s := &server{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	read, goOn := make(chan struct{}), make(chan struct{})
	api := httptest.NewServer(b.hold(s.wrap(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := rawBody(w, r, 8000); err != nil {
			return err
		}
		if r.URL.Path == "/slow" {
			close(read)
			<-goOn
		}
		return respond(w, http.StatusOK, received{"received"})
	})))
	t.Cleanup(api.Close)
	send := func(path string, n int) (int, string) {
		res, err := http.Post(api.URL+path, "text/plain", io.LimitReader(endlessly{}, int64(n)))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	slow := make(chan int)
	go func() { status, _ := send("/slow", 7000); slow <- status }()
	<-read
	if status, text := send("/", 5000); status != http.StatusServiceUnavailable || !strings.Contains(text, "too_much_at_once") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send("/", 2000); status != http.StatusOK {
		t.Errorf("what fits is answered %d %s", status, text)
	}
	close(goOn)
	if status := <-slow; status != http.StatusOK {
		t.Errorf("the first is answered %d", status)
	}
	if status, text := send("/", 7000); status != http.StatusOK {
		t.Errorf("afterwards %d %s", status, text)
	}
	if status, _ := send("/", 9000); status != http.StatusRequestEntityTooLarge {
		t.Errorf("more than a body may hold: %d", status)
	}
}

type endlessly struct{}

func (endlessly) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

// The request's line says who asked, by id.
func TestTheLogSaysWhoAskedWithoutNames(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner := d.as(models.RoleOwner)
	var who me
	owner.does(http.MethodGet, "/me", "", http.StatusOK, &who)
	keys, err := d.accounts.Keys(t.Context(), d.m)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	var log bytes.Buffer
	deps := d.deps
	deps.Log = slog.New(slog.NewJSONHandler(&log, nil))
	d.serve(deps)
	for want, header := range map[string]http.Header{
		"person:" + string(who.Person.ID): {"Cookie": {owner.cookie.String()}},
		"key:" + string(keys[0].ID):       {"Authorization": {"Bearer " + d.key}},
		"":                                {},
	} {
		log.Reset()
		r := httptest.NewRequest(http.MethodGet, "/api/v1/me", nil)
		r.Header = header
		d.api.ServeHTTP(httptest.NewRecorder(), r)
		var line struct{ Who, Merchant string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Who != want || want != "" && line.Merchant != string(d.m) || strings.Contains(log.String(), "owner@example.com") {
			t.Errorf("%s: the log says %s", want, log.String())
		}
	}
}
