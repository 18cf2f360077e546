package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"waybill/docs"
	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/audit"
	"waybill/services/budgets"
	"waybill/services/database/databasetest"
	"waybill/services/feed"
	"waybill/services/health"
	"waybill/services/idempotency"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/vault"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

// gate is the API alone, as far as it answers before it looks anything up.
func gate(change func(*Deps)) http.Handler {
	d := Deps{
		Orders: &orders.Service{}, Sync: &ordersync.Service{}, Accounts: &accounts.Service{}, Feed: &feed.Service{}, Docs: http.NotFoundHandler(), Pages: noPages{},
		Ready: nil, Log: slog.New(slog.DiscardHandler),
	}
	change(&d)
	return (&server{Deps: d, validate: newValidation(), bodies: bodies{most: bodiesAtOnce}}).routes()
}

func TestAnotherSiteCannotMakeABrowserChangeAnything(t *testing.T) {
	t.Parallel()
	api := gate(func(d *Deps) { d.PublicURL = "https://waybill.example" })
	type headers map[string]string
	for name, c := range map[string]struct {
		method, path string
		headers      headers
		refused      bool
	}{
		"another site":                      {http.MethodPost, "/api/v1/orders/1/sync", headers{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, true},
		"a neighbour below the same domain": {http.MethodDelete, "/api/v1/carriers", headers{"Sec-Fetch-Site": "same-site", "Origin": "https://shop.waybill.example"}, true},
		"an older browser":                  {http.MethodPut, "/api/v1/settings", headers{"Origin": "https://evil.example"}, true},
		"a page without an origin":          {http.MethodPost, "/api/v1/views", headers{"Origin": "null"}, true},
		"what looks like a webhook":         {http.MethodPost, "/api/v1/webhooks/wix/../../views", headers{"Sec-Fetch-Site": "cross-site"}, true},
		"what is below a webhook":           {http.MethodPost, "/api/v1/webhooks/wix/more", headers{"Sec-Fetch-Site": "cross-site"}, true},
		"our own pages":                     {http.MethodPost, "/api/v1/views", headers{"Sec-Fetch-Site": "same-origin", "Origin": "https://waybill.example"}, false},
		"our own, behind a proxy":           {http.MethodPost, "/api/v1/views", headers{"Origin": "https://waybill.example"}, false},
		"a program":                         {http.MethodPost, "/api/v1/views", nil, false},
		"reading":                           {http.MethodGet, "/api/v1/views", headers{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, false},
		"Wix":                               {http.MethodPost, "/api/v1/webhooks/wix", headers{"Origin": "https://www.wix.com"}, false},
		"AliExpress":                        {http.MethodPost, "/api/v1/webhooks/aliexpress", headers{"Sec-Fetch-Site": "cross-site"}, false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = "10.0.0.7:8080"
		for k, v := range c.headers {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		var p problem
		_ = json.Unmarshal(w.Body.Bytes(), &p)
		if refused := w.Code == http.StatusForbidden && p.Code == "cross_origin"; refused != c.refused || refused && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestEveryAnswerTellsBrowsersWhatItMayDo(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "Cache-Control": "no-store",
	}
	for _, path := range []string{"/", "/healthz", "/api/v1/orders", "/api/v1/nothing", "/docs"} {
		w := httptest.NewRecorder()
		gate(func(d *Deps) { d.PublicURL = "https://waybill.example" }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		for name, value := range want {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if h := w.Header(); !strings.Contains(h.Get("Permissions-Policy"), "camera=()") || !strings.Contains(h.Get("Content-Security-Policy"), "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, h)
		}
	}
	for _, method := range []string{http.MethodTrace, http.MethodOptions, http.MethodConnect} { // nothing is shown back, and no other origin is let in
		w := httptest.NewRecorder()
		gate(func(*Deps) {}).ServeHTTP(w, httptest.NewRequest(method, "/api/v1/orders", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	gate(func(d *Deps) { d.PublicURL = "http://localhost:8080" }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without https: %q", got)
	}
}

func TestTheClientIsWhomATrustedProxyNames(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		trusted   []netip.Prefix
		peer      string
		forwarded []string
		want      string
	}{
		"nobody in front":             {nil, "203.0.113.9:4711", nil, "203.0.113.9"},
		"nobody is trusted":           {nil, "10.0.0.1:4711", []string{"198.51.100.7"}, "10.0.0.1"},
		"one proxy":                   {proxies, "10.0.0.1:4711", []string{"198.51.100.7"}, "198.51.100.7"},
		"two proxies":                 {proxies, "10.0.0.1:4711", []string{"198.51.100.7, 10.2.3.4"}, "198.51.100.7"},
		"made up by the client":       {proxies, "10.0.0.1:4711", []string{"8.8.8.8, 198.51.100.7"}, "198.51.100.7"},
		"made up in a header before":  {proxies, "10.0.0.1:4711", []string{"8.8.8.8", "198.51.100.7"}, "198.51.100.7"},
		"no proxy of ours":            {proxies, "203.0.113.9:4711", []string{"8.8.8.8"}, "203.0.113.9"},
		"over IPv6":                   {proxies, "[fd00::1]:4711", []string{"2001:db8::7"}, "2001:db8::7"},
		"the proxy itself":            {proxies, "10.0.0.1:4711", nil, "10.0.0.1"},
		"what is no address":          {proxies, "10.0.0.1:4711", []string{"8.8.8.8, <script>"}, "10.0.0.1"},
		"what is no address, at last": {proxies, "10.0.0.1:4711", []string{"198.51.100.7\n, unknown"}, "10.0.0.1"},
	} {
		var log bytes.Buffer
		api := gate(func(d *Deps) { d.TrustedProxies, d.Log = c.trusted, slog.New(slog.NewJSONHandler(&log, nil)) })
		r := httptest.NewRequest(http.MethodGet, "/api/v1/nothing", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		api.ServeHTTP(httptest.NewRecorder(), r)
		var line struct{ Client string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Client != c.want {
			t.Errorf("%s: the log says %s", name, log.String())
		}
	}
}

func TestCostlyRequestsOfAMerchantAreFewAtOnce(t *testing.T) {
	t.Parallel()
	var c costly
	var ends []func()
	for range costlyAtOnce {
		end, err := c.begin("m", "export")
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	if _, err := c.begin("m", "export"); models.AsError(err).Code != "too_many_at_once" || models.AsError(err).RetryAfter == 0 || statusOf(models.AsError(err)) != http.StatusTooManyRequests {
		t.Errorf("one too many: %v", err)
	}
	for _, other := range []costlyKind{{"m", "estimate"}, {"n", "export"}} {
		end, err := c.begin(other.merchant, other.what)
		if err != nil {
			t.Errorf("%v has to wait for others: %v", other, err)
			continue
		}
		end()
	}
	ends[0]()
	end, err := c.begin("m", "export")
	if err != nil {
		t.Fatalf("a place that was given back is not free: %v", err)
	}
	end()
	for _, end := range ends[1:] {
		end()
	}
	if len(c.underWay) != 0 {
		t.Errorf("%v is kept", c.underWay)
	}
}

// A client that reads slowly holds its place; the fifth is told to wait, and nobody else is.
func TestAFifthExportIsToldToWait(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.exec(`INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now(), now(), 'APPROVED', 'PAID', '', 'open', now(),
		'USD', 1, 0, repeat('x', 4000), '', '', 'US', false, false, false, 'pending', '', '', '[]', 0, false, NULL, '', NULL, now(), 0, 1, now(), now()
		FROM generate_series(1, 5000) i`, map[string]any{"m": d.m, "store": d.store})
	export := func() *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/orders/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for range costlyAtOnce { // 20 MB each: more than lies between the two ends
		res := export()
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
	}
	res := export()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "too_many_at_once") {
		t.Errorf("the fifth: %s %v %s %v", res.Status, res.Header, body, err)
	}
	if status, _, _ := d.call(http.MethodGet, "/orders", ""); status != http.StatusOK {
		t.Errorf("the list: %d", status)
	}
}

// What a GET may write: when a connection was last heard of, and what was used of the call limits. The consent's callback is
// left out: the platforms lead browsers there by GET, and its state works once, in the browser that began it.
func TestNoGetChangesAnything(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	shop, market := wixsim.New(wixsim.Options{}), aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})
	shopDoor, marketDoor := httptest.NewServer(shop), httptest.NewServer(market)
	t.Cleanup(func() { shop.Close(); market.Close(); shopDoor.Close(); marketDoor.Close() })
	wi, ai := shop.Info(), market.Info()
	store, err := wix.New(wix.Config{BaseURL: shopDoor.URL, AppID: wi.AppID, AppSecret: models.Secret(wi.AppSecret), PublicKeyPEM: wi.WebhookPublicKey})
	if err != nil {
		t.Fatal(err)
	}
	supplier, err := aliexpress.New(aliexpress.Config{BaseURL: marketDoor.URL, AppKey: ai.AppKey, AppSecret: models.Secret(ai.AppSecret)})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))))
	if err != nil {
		t.Fatal(err)
	}
	people := accounts.New(d.db, vault.New(d.db, sealer), supplier, store)
	code, err := market.NewAuthCode("")
	if err != nil {
		t.Fatal(err)
	}
	account, err := people.ConnectSupplier(t.Context(), d.m, code, models.App{}, "api:test")
	if err != nil {
		t.Fatal(err)
	}
	order := d.receive(models.StoreOrder{
		ExternalID: "o", Number: "1", PlacedAt: time.Now(), UpdatedAt: time.Now(), Status: "APPROVED", PaymentStatus: "PAID", Currency: "EUR", Total: models.Money{Minor: 1999, Currency: "EUR"},
		Payload: []byte("{}"), Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true}},
	})
	quiet := slog.New(slog.DiscardHandler)
	moves := ordersync.New(ordersync.Options{
		DB: d.db, Orders: d.orders, Accounts: people, Store: store, Supplier: supplier, Budgets: budgets.New(d.db, quiet), Health: health.NewRecorder(d.db, quiet), Log: quiet,
	})
	d.serve(Deps{
		Orders: d.orders, Sync: moves, Accounts: people, Audit: audit.New(d.db), Feed: feed.New(d.db), Idempotency: idempotency.New(d.db), Ready: d.db.Ready, Docs: http.NotFoundHandler(), Pages: noPages{}, Log: quiet,
	})
	var mapping struct{ ID string }
	d.read(http.MethodPost, "/product-mappings", `{"store_id":"`+string(d.store)+`","variant_key":"cup","role":"own"}`, http.StatusCreated, &mapping)
	var job struct{ ID string }
	d.read(http.MethodPost, "/orders/"+string(order)+"/sync", "", http.StatusAccepted, &job)

	var hook struct{ ID string }
	d.read(http.MethodPost, "/webhook-endpoints", `{"url":"https://example.com/hook","types":["order.created"]}`, http.StatusCreated, &hook)

	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	operator := d.as(models.RoleOperator)
	before := d.contents()
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		if doc.Paths.Value(path).Get == nil || strings.HasSuffix(path, "/callback") || path == "/events" { // events: a stream without an end, read by tests of its own
			continue
		}
		url := path
		for folder, id := range map[string]string{
			"/orders/": string(order), "/sync-jobs/": job.ID, "/product-mappings/": mapping.ID, "/connections/": string(account.ID), "/webhook-endpoints/": hook.ID,
		} {
			if strings.HasPrefix(path, folder) {
				url = strings.Replace(path, "{id}", id, 1)
			}
		}
		url = strings.Replace(url, "{product_id}", ai.ProductID, 1)
		if strings.Contains(url, "{") {
			t.Fatalf("the test has no id for %s", path)
		}
		var status int
		var answer string
		if anyPrefix(path, "/me/", "/support/") {
			got := operator.send(http.MethodGet, strings.Replace(url, "/support/orders", "/support/orders?q=10042", 1), "")
			status, answer = got.status, got.text
		} else {
			status, _, answer = d.call(http.MethodGet, url, "")
		}
		if status >= 300 {
			t.Errorf("GET %s: %d %s", url, status, answer)
		}
		after := d.contents()
		for table := range after {
			if entered := strings.HasSuffix(path, "/export") && strings.HasPrefix(table, "audit_"); before[table] != after[table] && !entered {
				t.Errorf("GET %s writes to %s", path, table)
			}
		}
		before = after
	}
}

// contents is what is in each table, what is merely counted left out.
func (d *door) contents() map[string]string {
	d.Helper()
	var tables []string
	err := databasetest.Owner(d, d.db).Raw(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
		AND table_name NOT IN ('budget_use', 'budgets', 'hop_lags', 'connection_errors', 'check_stretch')`).Scan(&tables).Error
	if err != nil || len(tables) < 15 {
		d.Fatalf("%v: %v", tables, err)
	}
	sums := map[string]string{}
	for _, table := range tables {
		var sum string
		err := databasetest.Owner(d, d.db).Raw(`SELECT coalesce(md5(string_agg(line, chr(10) ORDER BY line)), '')
			FROM (SELECT (to_jsonb(t) - ARRAY['last_success_at', 'last_used_at'])::text AS line FROM "` + table + `" t) lines`).Row().Scan(&sum)
		if err != nil {
			d.Fatal(err)
		}
		sums[table] = sum
	}
	return sums
}
