package handlers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/audit"
	"waybill/services/budgets"
	"waybill/services/database"
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

// newShop is a door with everything behind it: both platforms simulated, a connected store, a connected supplier account.
func newShop(t *testing.T) *door {
	t.Helper()
	db := databasetest.New(t)
	shop, market := wixsim.New(wixsim.Options{RateLimit: -1}), aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})
	shopServer, marketServer := httptest.NewServer(shop), httptest.NewServer(market)
	t.Cleanup(func() {
		shop.Close()
		market.Close()
		shopServer.Close()
		marketServer.Close()
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := wix.New(wix.Config{BaseURL: shopServer.URL, AppID: shop.Info().AppID, AppSecret: models.Secret(shop.Info().AppSecret), PublicKeyPEM: shop.Info().WebhookPublicKey, PerMinute: -1})
	must(err)
	supplier, err := aliexpress.New(aliexpress.Config{BaseURL: marketServer.URL, AppKey: market.Info().AppKey, AppSecret: models.Secret(market.Info().AppSecret), PerSecond: -1})
	must(err)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString(secret)))
	must(err)
	keys := vault.New(db, sealer)
	people := accounts.New(db, keys, supplier, store)
	m, key, err := people.CreateMerchant(t.Context(), "Shop", "UTC", "")
	must(err)
	signed, err := shop.SignedInstance(shop.Info().InstanceID)
	must(err)
	c, err := people.ConnectStore(t.Context(), m, signed, false, "api:test")
	must(err)
	code, err := market.NewAuthCode("")
	must(err)
	_, err = people.ConnectSupplier(t.Context(), m, code, models.App{}, "api:test")
	must(err)
	d := &door{TB: t, db: db, vault: keys, orders: orders.New(db, keys, models.Pace{Lease: time.Minute, Settle: time.Second}), accounts: people, shop: shop, market: market, m: m, store: c.ID, key: key.Reveal()}
	log := slog.New(slog.DiscardHandler)
	d.serve(Deps{
		Orders: d.orders, Sync: ordersync.New(ordersync.Options{DB: db, Vault: keys, Orders: d.orders, Accounts: people, Store: store, Supplier: supplier, Budgets: budgets.New(db, log), Health: health.NewRecorder(db, log), Log: log}), Accounts: people, Audit: audit.New(db), Feed: feed.New(db), Idempotency: idempotency.New(db),
		Ready: db.Ready, Docs: http.NotFoundHandler(), Pages: noPages{}, Log: log,
	})
	return d
}

// Every route has a line in the table, and every line a route.
func TestEveryRouteHasAPermission(t *testing.T) {
	t.Parallel()
	router := (&server{Deps: Deps{Docs: http.NotFoundHandler()}}).routes()
	if routes, lines := unpermitted(router); len(routes)+len(lines) > 0 {
		t.Errorf("routes without a line: %v; lines without a route: %v", routes, lines)
	}
	used := map[models.KeyScope]bool{}
	for route, scope := range permissions {
		if used[scope] = true; scope != noKey && scope != anyKey && !ofPeople(scope) && !slices.Contains(models.KeyScopes(), scope) {
			t.Errorf("%s wants %q, which is no scope", route, scope)
		}
	}
	for _, scope := range models.KeyScopes() {
		if !used[scope] {
			t.Errorf("no route wants %s", scope)
		}
	}
}

// ofPeople are the scopes that no key can have.
func ofPeople(scope models.KeyScope) bool {
	return scope == aSelf || scope == models.MayUseDesk || scope == models.MayOperate
}

// What routes with an id need in their body before they look at the id.
var matrixBodies = map[string]string{
	"POST /orders/{id}/supplier-orders/link":     `{"number":"8198352049851315"}`,
	"POST /orders/{id}/hold":                     `{"reason":"x"}`,
	"POST /orders/{id}/notes":                    `{"text":"x"}`,
	"POST /orders/{id}/erase":                    `{"reason":"x"}`,
	"PUT /orders/{id}/purchase-address":          `{"reason":"x","address":{"first_name":"Jane","last_name":"Doe","phone":"+12125550123","line1":"1 Main Street","city":"New York","subdivision":"US-NY","country":"US"}}`,
	"PATCH /supplier-orders/{id}":                `{"number":"8198352049851315","reason":"x"}`,
	"POST /supplier-orders/{id}/hold":            `{"until":"2099-01-01T00:00:00Z"}`,
	"POST /supplier-orders/{id}/unlink":          `{"reason":"x","force":true}`,
	"POST /supplier-orders/{id}/resolve":         `{"outcome":"absent"}`,
	"POST /pushes/{id}/accept":                   `{"reason":"x"}`,
	"POST /orders/{id}/fulfil-without-number":    `{"reason":"x"}`,
	"POST /orders/{id}/overrides":                `{"kind":"closed","reason":"x"}`,
	"POST /flags/{id}/snooze":                    `{"until":"2099-01-01T00:00:00Z","reason":"x"}`,
	"POST /flags/{id}/close":                     `{"reason":"x"}`,
	"PUT /product-mappings/{id}":                 `{"role":"own"}`,
	"PUT /connections/{id}/settings":             `{}`,
	"PUT /views/{id}":                            `{"name":"x"}`,
	"PUT /webhook-endpoints/{id}":                `{"url":"https://example.com/hook","types":["order.created"]}`,
	"POST /webhook-endpoints/{id}/replay-failed": `{"since":"2026-01-01T00:00:00Z"}`,
}

// Every route, with every kind of key: what is not allowed is refused, and another merchant's things are not there.
func TestTheAuthorisationMatrix(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	ids := d.oneOfEverything()
	boss, err := d.accounts.Authenticate(t.Context(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	keyWith := func(name string, scopes ...models.KeyScope) (models.ID, string) {
		t.Helper()
		made, key, err := d.accounts.MakeKey(t.Context(), boss, accounts.NewKey{Name: name, Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		return made.ID, key.Reveal()
	}
	expiredID, expired := keyWith("expired", models.KeyScopes()...)
	d.exec("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = ?", expiredID)
	revokedID, revoked := keyWith("revoked", models.KeyScopes()...)
	if err := d.accounts.RevokeKey(t.Context(), boss, revokedID); err != nil {
		t.Fatal(err)
	}
	_, foreign, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	victim, _ := keyWith("victim", models.MayReadOrders)
	ids["/api-keys/"] = victim
	only, allBut := map[models.KeyScope]string{}, map[models.KeyScope]string{}
	for _, scope := range models.KeyScopes() {
		_, only[scope] = keyWith("only "+string(scope), scope)
		_, allBut[scope] = keyWith("all but "+string(scope), slices.DeleteFunc(models.KeyScopes(), func(s models.KeyScope) bool { return s == scope })...)
	}
	_, only[anyKey] = keyWith("any", models.MaySync)

	routes := apiRoutes(t)
	if len(routes) < 70 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes { // first what must not change anything
		scope, body := permissions[route], matrixBodies[route]
		method, path, _ := strings.Cut(route, " ")
		known, unknown := pathWith(path, ids), pathWith(path, nil)
		refused := func(key string, status int, code, says string) {
			t.Helper()
			if got := d.ask(key, method, known, body); got.status != status || got.code != code || !strings.Contains(got.detail, says) {
				t.Errorf("%s: %d %s (%s) instead of %d %s", route, got.status, got.code, got.detail, status, code)
			}
		}
		d.exec("DELETE FROM tries")
		if ofPeople(scope) { // not even a key that may do everything
			if got := d.ask(d.key, method, unknown, body); got.status != http.StatusForbidden || got.code != "scope_missing" && got.code != "person_needed" {
				t.Errorf("%s: a key is answered %d %s", route, got.status, got.code)
			}
		}
		if scope == noKey {
			if got := d.ask("", method, known, body); strings.HasPrefix(got.code, "key_") || got.status == http.StatusForbidden {
				t.Errorf("%s is open, and answers %d %s", route, got.status, got.code)
			}
			continue
		}
		refused("", http.StatusUnauthorized, "key_missing", "Bearer")
		refused("wbk_NOBODY", http.StatusUnauthorized, "key_unknown", "not known")
		refused(expired, http.StatusUnauthorized, "key_expired", `"expired"`)
		refused(revoked, http.StatusUnauthorized, "key_revoked", `"revoked"`)
		if scope != anyKey && !ofPeople(scope) {
			refused(allBut[scope], http.StatusForbidden, "scope_missing", string(scope))
		}
		if known != unknown && !ofPeople(scope) {
			theirs, nobodys := d.ask(foreign.Reveal(), method, known, body), d.ask(foreign.Reveal(), method, unknown, body)
			if theirs.status != http.StatusNotFound || theirs.text != nobodys.text {
				t.Errorf("%s: another merchant's is answered %d %s, an unknown one %s", route, theirs.status, theirs.text, nobodys.text)
			}
		}
	}
	for _, route := range routes {
		if scope := permissions[route]; scope == noKey || ofPeople(scope) {
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		got := d.ask(only[permissions[route]], method, pathWith(path, ids), matrixBodies[route])
		if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden || got.status == http.StatusInternalServerError {
			t.Errorf("%s: a key that may is answered %d %s", route, got.status, got.text)
		}
	}
}

func apiRoutes(t *testing.T) (routes []string) {
	t.Helper()
	err := chi.Walk((&server{Deps: Deps{Docs: http.NotFoundHandler()}}).routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if path, ours := strings.CutPrefix(route, apiRoot); ours {
			routes = append(routes, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What is deleted is gone for what comes after it.
	slices.SortStableFunc(routes, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "DELETE"), strings.TrimPrefix(b, "DELETE"))
	})
	slices.SortStableFunc(routes, func(a, b string) int {
		rank := map[bool]int{true: 1}
		return rank[strings.HasPrefix(a, "DELETE")] - rank[strings.HasPrefix(b, "DELETE")]
	})
	return routes
}

const noID = "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"

// pathWith fills in a route's ids: those of things that are there, or, without any, one of nothing.
func pathWith(path string, ids map[string]models.ID) string {
	for prefix, id := range ids {
		if prefix == "{oid}" || strings.HasPrefix(path, prefix) {
			path = strings.Replace(path, map[bool]string{true: "{oid}", false: "{id}"}[prefix == "{oid}"], string(id), 1)
		}
	}
	return strings.NewReplacer("{id}", noID, "{oid}", noID, "{product_id}", "1005004638293060", "{platform}", "wix", "{key}", "x", "{merchant}", noID).Replace(path)
}

// asked is an answer, without what differs from request to request.
type asked struct {
	status             int
	code, detail, text string
}

var instances = regexp.MustCompile(`urn:waybill:request:[A-Z0-9]+`)

func (d *door) ask(key, method, path, body string) asked {
	d.Helper()
	ctx, cancel := context.WithCancel(d.Context())
	defer cancel() // a stream does not end by itself
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultTransport.RoundTrip(req) // redirects are answers
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("Content-Type") == "text/event-stream" {
		return asked{status: res.StatusCode}
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	var p struct{ Code, Detail string }
	_ = json.Unmarshal(raw, &p) // not every answer is JSON
	text := instances.ReplaceAllString(string(raw), "")
	for _, part := range strings.Split(path, "/") {
		if isID(part) {
			text = strings.ReplaceAll(text, part, "{id}")
		}
	}
	return asked{res.StatusCode, p.Code, p.Detail, text}
}

// oneOfEverything has one of everything that has an id, by how its routes begin.
func (d *door) oneOfEverything() map[string]models.ID {
	d.Helper()
	placed := time.Now().Add(-time.Hour)
	order := d.receive(models.StoreOrder{
		ExternalID: "o1", Number: "1", PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
		Recipient: models.Address{Country: "US"}, Payload: []byte("{}"), Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true}},
	})
	ids := map[string]models.ID{"/orders/": order, "/connections/": d.store}
	var made struct{ ID models.ID }
	for prefix, request := range map[string][2]string{
		"/views/":             {"/views", `{"name":"Late"}`},
		"/webhook-endpoints/": {"/webhook-endpoints", `{"url":"https://example.com/hook","types":["order.created"]}`},
		"/sync-jobs/":         {"/sync-jobs", `{"scope":{"kind":"orders","ids":["` + string(order) + `"]}}`},
		"/product-mappings/":  {"/product-mappings", `{"store_id":"` + string(d.store) + `","variant_key":"other","role":"own"}`},
		"{oid}":               {"/orders/" + string(order) + "/overrides", `{"kind":"line_role","line_id":"a","role":"dropship","reason":"x"}`},
	} {
		status, _, answer := d.call(http.MethodPost, request[0], request[1])
		if err := json.Unmarshal([]byte(answer), &made); err != nil || status >= 300 {
			d.Fatalf("%s: %d %s", request[0], status, answer)
		}
		ids[prefix] = made.ID
	}
	var sent struct {
		MessageID models.ID `json:"message_id"`
	}
	d.read(http.MethodPost, "/webhook-endpoints/"+string(ids["/webhook-endpoints/"])+"/test", "", http.StatusAccepted, &sent)
	ids["/webhook-messages/"] = sent.MessageID
	var flags struct{ Flags []struct{ ID models.ID } }
	d.read(http.MethodGet, "/flags", "", http.StatusOK, &flags)
	ids["/flags/"] = flags.Flags[0].ID
	so, parcel, push := database.NewID(), database.NewID(), database.NewID()
	at := map[string]any{"m": d.m, "order": order, "so": so, "parcel": parcel, "push": push, "store": d.store}
	d.exec(`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
		supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, fetch_seq, applied_seq, check_failures, created_at, updated_at)
		SELECT merchant_id, @so, @order, id, 'placed', 'linked', 0, '', '', '', '', '', '8198352049851999', '', '', '', '', '', '', '', 0, false, 'paid', 0, '', 0, 0, 0, now(), now()
		FROM connections WHERE merchant_id = @m AND platform = 'aliexpress'`, at)
	d.exec(`INSERT INTO supplier_order_lines (merchant_id, supplier_order_id, line_id, part, order_id, product_id, sku_id, sku_attr, quantity, live, end_reason)
		VALUES (@m, @so, 'a', 0, @order, '1', '1', '', 2, true, '')`, at)
	d.exec(`INSERT INTO parcels (merchant_id, id, order_id, tracking_number, carrier, previous_numbers, last_event, first_seen_at) VALUES (@m, @parcel, @order, 'LP1', 'x', '[]', '', now())`, at)
	d.exec(`INSERT INTO pushes (merchant_id, id, order_id, parcel_id, store_id, state, wanted_lines, wanted_number, wanted_carrier, wanted_since, fulfillment_id, sent_number, sent_lines, adopted,
		attempts, error_code, error_detail, created_at, updated_at) VALUES (@m, @push, @order, @parcel, @store, 'refused', '[]', 'LP1', 'x', now(), '', '', '[]', false, 0, '', '', now(), now())`, at)
	ids["/supplier-orders/"], ids["/pushes/"] = so, push
	return ids
}
