package handlers

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/database/databasetest"
	"waybill/services/idempotency"
)

// named is an answer to a request with an Idempotency-Key.
type named struct {
	status                   int
	code, text               string
	replayed, retry, located string
	media                    string
}

func (d *door) post(url, body string, names ...string) named {
	d.Helper()
	got, err := d.tryPost(d.Context(), url, body, names...)
	if err != nil {
		d.Fatal(err)
	}
	return got
}

func (d *door) tryPost(ctx context.Context, url, body string, names ...string) (named, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return named{}, err
	}
	req.Header.Set("Authorization", "Bearer "+d.key)
	req.Header.Set("Content-Type", "application/json")
	for _, name := range names {
		req.Header.Add("Idempotency-Key", name)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return named{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return named{}, err
	}
	var p struct{ Code string }
	_ = json.Unmarshal(raw, &p)
	h := res.Header
	return named{res.StatusCode, p.Code, string(raw), h.Get("Idempotency-Replayed"), h.Get("Retry-After"), h.Get("Location"), h.Get("Content-Type")}, nil
}

// work is a server of its own, as another process would be, whose one route is done by h.
func (d *door) work(h http.HandlerFunc) (url string) {
	d.Helper()
	s := &server{Deps: Deps{Idempotency: idempotency.New(d.db), Log: slog.New(slog.DiscardHandler)}}
	r := chi.NewRouter()
	r.Use(s.named, s.recover)
	r.Post("/x", s.wrap(func(w http.ResponseWriter, r *http.Request) error {
		do := func(w http.ResponseWriter, r *http.Request, _ accounts.Caller) error { h(w, r); return nil }
		return s.once("POST /x", do)(w, r, accounts.Caller{MerchantID: d.m})
	}))
	server := httptest.NewServer(r)
	d.Cleanup(server.Close)
	return server.URL + "/x"
}

func TestARepeatIsToldWhatTheFirstWas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	first := d.post(d.url+"/views", `{"name":"Late"}`, "a")
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(first.text), &made); err != nil || first.status != http.StatusCreated || first.replayed != "" {
		t.Fatalf("%+v", first)
	}
	again := d.post(d.url+"/views", `{"name":"Late"}`, "a")
	if again.replayed != "true" || again.status != first.status || again.text != first.text || again.media != "application/json" {
		t.Errorf("%+v", again)
	}
	// What it did may have been undone since: it is not done again.
	d.read(http.MethodDelete, "/views/"+made.ID, "", http.StatusNoContent, nil)
	if again = d.post(d.url+"/views", `{"name":"Late"}`, "a"); again.text != first.text || len(d.views()) != 0 {
		t.Errorf("%+v, %v", again, d.views())
	}
	// A refusal is an answer, too.
	refusal := d.post(d.url+"/views", `{"name":""}`, "b")
	if again = d.post(d.url+"/views", `{"name":""}`, "b"); refusal.code != "validation_failed" || again.replayed != "true" || again.text != refusal.text || again.media != "application/problem+json" {
		t.Errorf("%+v", again)
	}
	// An answer without a body, and one with a Location.
	url := d.work(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/somewhere")
		w.WriteHeader(http.StatusNoContent)
	})
	d.post(url, "", "c")
	if again = d.post(url, "", "c"); again.replayed != "true" || again.status != http.StatusNoContent || again.located != "/somewhere" || again.text != "" {
		t.Errorf("%+v", again)
	}
	// Another merchant's key of the same name is another.
	_, key, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	if other := d.with(key.Reveal()).post(d.url+"/views", `{"name":"Late"}`, "a"); other.status != http.StatusCreated || other.replayed != "" || other.text == first.text {
		t.Errorf("%+v", other)
	}
}

func TestAKeyStandsForOneRequest(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.post(d.url+"/views", `{"name":"Late"}`, "a")
	for url, body := range map[string]string{d.url + "/views": `{"name":"Early"}`, d.url + "/views?x=1": `{"name":"Late"}`, d.url + "/sync-jobs": `{"name":"Late"}`} {
		if got := d.post(url, body, "a"); got.status != http.StatusUnprocessableEntity || got.code != "idempotency_key_reused" {
			t.Errorf("%s: %+v", url, got)
		}
	}
	if len(d.views()) != 1 {
		t.Errorf("%v", d.views())
	}
	for _, names := range [][]string{{""}, {strings.Repeat("x", 256)}, {"ü"}, {"a\tb"}, {"a", "b"}} {
		if got := d.post(d.url+"/views", `{"name":"x"}`, names...); got.code != "idempotency_key_invalid" {
			t.Errorf("%q: %+v", names, got)
		}
	}
	if got := d.post(d.url+"/views", `{"name":"x"}`, strings.Repeat("~", 255)); got.status != http.StatusCreated {
		t.Errorf("%+v", got)
	}
	// Three days later it is forgotten, whether the row has been removed yet or not.
	d.exec("UPDATE idempotency_keys SET created_at = now() - interval '73 hours' WHERE key = 'a'")
	if got := d.post(d.url+"/views", `{"name":"Early"}`, "a"); got.status != http.StatusCreated || got.replayed != "" {
		t.Errorf("%+v", got)
	}
	d.exec("UPDATE idempotency_keys SET created_at = now() - interval '73 hours' WHERE key = 'a'")
	if err := idempotency.Forget(t.Context(), d.db, d.m); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := databasetest.Owner(t, d.db).Raw("SELECT key FROM idempotency_keys").Scan(&left).Error; err != nil || len(left) != 1 || left[0] == "a" {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestOfManyAtOnceOneIsDone(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	var done atomic.Int32
	release := make(chan struct{})
	work := func(w http.ResponseWriter, _ *http.Request) {
		if done.Add(1) == 1 {
			<-release
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("made"))
	}
	replicas := []string{d.work(work), d.work(work)}
	answers := make(chan named, 20)
	for i := range 20 {
		go func() {
			got, err := d.tryPost(t.Context(), replicas[i%2], "{}", "one")
			if err != nil {
				t.Error(err)
			}
			answers <- got
		}()
	}
	for range 19 {
		if got := <-answers; got.status != http.StatusConflict || got.code != "idempotency_in_progress" || got.retry != "2" {
			t.Errorf("%+v", got)
		}
	}
	close(release)
	if got := <-answers; got.status != http.StatusCreated || got.replayed != "" || done.Load() != 1 {
		t.Errorf("%+v, done %d times", got, done.Load())
	}
	for _, url := range replicas { // the path is the same, whoever serves it
		if got := d.post(url, "{}", "one"); got.replayed != "true" || got.text != "made" || done.Load() != 1 {
			t.Errorf("%+v, done %d times", got, done.Load())
		}
	}
}

func TestWhatACrashHasLeftIsDoneAfterItsLease(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	keeper := idempotency.New(d.db)
	crashed, told, err := keeper.Begin(t.Context(), d.m, idempotency.Request{Key: "a", Method: http.MethodPost, Target: "/api/v1/views", Body: []byte(`{"name":"Late"}`)})
	if err != nil || told != nil {
		t.Fatal(told, err)
	}
	if got := d.post(d.url+"/views", `{"name":"Late"}`, "a"); got.code != "idempotency_in_progress" {
		t.Errorf("%+v", got)
	}
	d.exec("UPDATE idempotency_keys SET lease_until = now() - interval '1 second'")
	if got := d.post(d.url+"/views", `{"name":"Other"}`, "a"); got.code != "idempotency_key_reused" {
		t.Errorf("%+v", got)
	}
	first := d.post(d.url+"/views", `{"name":"Late"}`, "a")
	if first.status != http.StatusCreated || first.replayed != "" {
		t.Errorf("%+v", first)
	}
	// Who was only thought dead changes nothing any more.
	if err := keeper.Finish(t.Context(), crashed, idempotency.Answer{Status: 418}); err != nil {
		t.Error(err)
	}
	if err := keeper.Release(t.Context(), crashed); err != nil {
		t.Error(err)
	}
	if again := d.post(d.url+"/views", `{"name":"Late"}`, "a"); again.replayed != "true" || again.text != first.text {
		t.Errorf("%+v", again)
	}
}

func TestWhatWasNotDoneCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for name, fails := range map[string]http.HandlerFunc{
		"500":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"503":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"401":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"403":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"429":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"panic":       func(http.ResponseWriter, *http.Request) { panic("no") },
		"retry after": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "5"); w.WriteHeader(409) },
	} {
		var calls atomic.Int32
		url := d.work(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				fails(w, r)
			}
		})
		if got := d.post(url, "", name); got.status < 400 {
			t.Errorf("%s: %+v", name, got)
		}
		if got := d.post(url, "", name); got.status != http.StatusOK || got.replayed != "" || calls.Load() != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAClientThatLeftFindsItsAnswer(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	entered := make(chan struct{})
	url := d.work(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		w.WriteHeader(http.StatusCreated)
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-entered
		leave()
	}()
	if got, err := d.tryPost(ctx, url, "", "a"); err == nil {
		t.Fatalf("%+v", got)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		got := d.post(url, "", "a")
		if got.code == "idempotency_in_progress" && time.Now().Before(end) {
			continue
		}
		if got.status != http.StatusCreated || got.replayed != "true" {
			t.Errorf("%+v", got)
		}
		return
	}
}

func TestASecretIsNotKept(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	first := d.post(d.url+"/api-keys", `{"name":"x","scopes":["orders:read"]}`, "a")
	var made keySeen
	if err := json.Unmarshal([]byte(first.text), &made); err != nil || first.status != http.StatusCreated {
		t.Fatalf("%+v", first)
	}
	again := d.post(d.url+"/api-keys", `{"name":"x","scopes":["orders:read"]}`, "a")
	if again.status != http.StatusConflict || again.code != "idempotency_answer_not_kept" || !strings.Contains(again.text, "201") || len(d.keys()) != 2 {
		t.Errorf("%+v", again)
	}
	var kept []byte
	if err := databasetest.Owner(t, d.db).Raw("SELECT body FROM idempotency_keys").Row().Scan(&kept); err != nil || kept != nil {
		t.Errorf("kept is %q, %v", kept, err)
	}
	// A refusal holds none.
	refusal := d.post(d.url+"/api-keys", `{"name":"x","scopes":["orders:read"]}`, "b")
	if again = d.post(d.url+"/api-keys", `{"name":"x","scopes":["orders:read"]}`, "b"); refusal.code != "key_name_taken" || again.replayed != "true" || again.text != refusal.text {
		t.Errorf("%+v", again)
	}
}

// Every POST of the API can be named, but for the webhooks, which the platforms number themselves.
func TestEveryPostCanBeNamed(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	ids := d.oneOfEverything()
	asked := 0
	for _, route := range apiRoutes(t) {
		path, post := strings.CutPrefix(route, "POST ")
		if !post || permissions[route] == noKey || ofPeople(permissions[route]) {
			continue
		}
		asked++
		url := d.url + pathWith(path, ids)
		first := d.post(url, matrixBodies[route], route)
		again := d.post(url, matrixBodies[route], route)
		if shownOnce[route] && first.status < 300 {
			if again.code != "idempotency_answer_not_kept" {
				t.Errorf("%s: a secret is told again, or the request is done again: %+v", route, again)
			}
			continue
		}
		final := first.status < 500 && first.retry == ""
		if first.status == http.StatusInternalServerError || final && (again.replayed != "true" || again.text != first.text) {
			t.Errorf("%s: %+v, then %+v", route, first, again)
		}
	}
	if asked < 25 {
		t.Errorf("only %d routes", asked)
	}
}

// Staff who look at no merchant name their requests, too: the names are their own.
func TestStaffNameTheirRequestsToo(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	sam := d.as(models.RoleSupport)
	body := `{"merchant_id":"` + string(d.m) + `","reason":"Ticket 4711"}`
	headers := map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", idempotencyKey: "look"}
	for range 2 {
		if got := sam.sendAs(http.MethodPost, "/support/views", body, headers); got.status != http.StatusCreated {
			t.Fatalf("%d %s", got.status, got.text)
		}
	}
	if list := d.entries("act=" + string(models.ActViewBegun)); len(list) != 1 {
		t.Errorf("it was begun %d times", len(list))
	}
	other := d.as(models.RoleOperator)
	if got := other.sendAs(http.MethodPost, "/support/views", body, headers); got.status != http.StatusCreated {
		t.Errorf("another's request of the same name: %d %s", got.status, got.text)
	}
	if list := d.entries("act=" + string(models.ActViewBegun)); len(list) != 2 {
		t.Errorf("both began %d times", len(list))
	}

	d.exec("UPDATE idempotency_keys SET created_at = now() - interval '73 hours' WHERE merchant_id = (SELECT id FROM people WHERE staff = 'support')")
	if err := idempotency.ForgetOfPeople(t.Context(), d.db); err != nil {
		t.Fatal(err)
	}
	var kept int
	if err := databasetest.Owner(t, d.db).Raw("SELECT count(*) FROM idempotency_keys").Row().Scan(&kept); err != nil || kept != 1 {
		t.Errorf("%d are kept, %v", kept, err)
	}
}
