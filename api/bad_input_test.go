package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

const (
	otherKey  = "key-of-the-other-shop-0123456789"
	unknownID = "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"
)

// problemView is RFC 9457 as the API speaks it.
type problemView struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	Errors                              []struct{ Pointer, Reason string }
}

// Whatever is wrong with a request, the answer says so in one form, and nothing is written.
func TestBadInput(t *testing.T) {
	t.Parallel()
	database := databasetest.URL(t)
	metrics := freeAddress(t)
	// Checks at their published pace: what changes in this test is changed by this test.
	w := newWorld(t, database, "WAYBILL_CHECK_SPEED=1", "WAYBILL_METRICS_LISTEN="+metrics)
	w.run()
	w.connect()
	ids := w.shippedOrder()
	w.addMerchant(database)
	w.awaitOrder(w.wix.Info().OrderID, "the store's older orders are read", func(orderView) bool { return true })
	ids.flag = w.anyFlag()
	w.settled(database)
	before := rowCounts(t, database)

	t.Run("requests", func(t *testing.T) { badRequests(t, w, ids) })
	t.Run("another merchant's ids", func(t *testing.T) { foreignIDs(t, w, ids) })
	t.Run("forged webhooks", func(t *testing.T) { forgedWebhooks(t, w) })
	t.Run("forged push messages", func(t *testing.T) { forgedPushes(t, w) })
	if after := rowCounts(t, database); !maps.Equal(before, after) {
		t.Errorf("bad input was written: %v became %v", before, after)
	}
	if counted := scrape(t, metrics); !strings.Contains(counted, `waybill_events_total{how="unauthenticated",what="webhook_wix"}`) ||
		!strings.Contains(counted, `waybill_events_total{how="unauthenticated",what="webhook_aliexpress"}`) {
		t.Errorf("wrong signatures are not counted:\n%s", counted)
	}

	t.Run("messages of strangers", func(t *testing.T) { strangers(t, w, database) })
	t.Run("hostile text", func(t *testing.T) { hostileText(t, w, ids) })
	w.terminate()
}

// knownIDs are one id of everything that has one.
type knownIDs struct{ order, supplierOrder, push, syncJob, mapping, store, account, flag string }

// shippedOrder takes an order all the way and asks for a sync, so that there is one of everything.
func (w *world) shippedOrder() knownIDs {
	w.t.Helper()
	id := w.buy("paid", w.goods()...)
	o := w.awaitOrder(id, "the order is there", inTab("awaiting_order"))
	w.place(o.ID)
	o = w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	number := o.SupplierOrders[0].Number
	if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
		w.t.Fatal(err)
	}
	o = w.awaitOrder(id, "the parcel is confirmed", func(o orderView) bool { return len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed" })
	ids := knownIDs{order: o.ID, supplierOrder: o.SupplierOrders[0].ID, push: o.Pushes[0].ID}
	var job struct{ ID, State string }
	w.do(http.MethodPost, "/orders/"+o.ID+"/sync", nil, http.StatusAccepted, &job)
	ids.syncJob = job.ID
	w.await("the sync job is done", func() bool {
		w.do(http.MethodGet, "/sync-jobs/"+job.ID, nil, http.StatusOK, &job)
		return job.State == "done"
	})
	var mappings struct {
		ProductMappings []struct{ ID string } `json:"product_mappings"`
	}
	w.do(http.MethodGet, "/product-mappings", nil, http.StatusOK, &mappings)
	ids.mapping = mappings.ProductMappings[0].ID
	var connections struct {
		Connections []struct{ ID, Platform string }
	}
	w.do(http.MethodGet, "/connections", nil, http.StatusOK, &connections)
	for _, c := range connections.Connections {
		if c.Platform == "wix" {
			ids.store = c.ID
		} else {
			ids.account = c.ID
		}
	}
	return ids
}

// anyFlag is the flag of an order that nothing is known to supply.
func (w *world) anyFlag() (id string) {
	w.t.Helper()
	w.await("something needs a person", func() bool {
		var page struct{ Flags []struct{ ID string } }
		w.do(http.MethodGet, "/flags?code=no_supplier", nil, http.StatusOK, &page)
		if len(page.Flags) > 0 {
			id = page.Flags[0].ID
		}
		return id != ""
	})
	return id
}

// addMerchant adds a second merchant, as support would.
func (w *world) addMerchant(database string) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(otherKey))
	statement(w.t, database, "INSERT INTO merchants (id, name, created_at) VALUES ($1, 'Other shop', now())", unknownID)
	statement(w.t, database, "INSERT INTO api_keys (key_sha256, merchant_id, id, name, scopes, created_at) SELECT $1, $2, gen_random_uuid(), 'first', scopes, now() FROM api_keys", hex.EncodeToString(sum[:]), unknownID)
}

// settled waits until nothing is on its way any more.
func (w *world) settled(database string) {
	w.t.Helper()
	w.await("every message is worked", func() bool {
		wix, ali := w.wix.WebhookStats(), w.ali.PushStats()
		return wix.InFlight == 0 && wix.PendingRetries == 0 && ali.Delivered == ali.Sent &&
			countOf(w.t, database, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 &&
			countOf(w.t, database, "SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'pending')") == 0
	})
}

func statement(t testing.TB, database, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func countOf(t testing.TB, database, query string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// rowCounts counts the rows of every table but the job queue's.
// rowCounts counts what the program keeps, but for its measurements, which go on whatever is asked of it.
func rowCounts(t *testing.T, database string) map[string]int {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT table_name::text FROM information_schema.tables
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'river%'
		AND table_name NOT IN ('hop_lags', 'connection_errors', 'budget_use', 'check_stretch', 'tries')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 15 {
		t.Fatalf("tables %v: %v", tables, err)
	}
	counts := map[string]int{}
	for _, table := range tables {
		counts[table] = countOf(t, database, "SELECT count(*) FROM "+pgx.Identifier{table}.Sanitize())
	}
	return counts
}

func scrape(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// checkProblem wants a whole problem document.
func checkProblem(t *testing.T, a answer, status int, code string) problemView {
	t.Helper()
	var p problemView
	if a.status != status {
		t.Fatalf("answered %d instead of %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	a.into(t, &p)
	if p.Status != status || p.Code != code || p.Type != "urn:waybill:problem:"+code || p.Title != http.StatusText(status) {
		t.Errorf("not the problem %d %s: %s", status, code, a.body)
	}
	if p.Instance != "urn:waybill:request:"+a.header.Get("X-Request-Id") {
		t.Errorf("instance %q is not the request %q", p.Instance, a.header.Get("X-Request-Id"))
	}
	if !strings.HasSuffix(p.Detail, ".") || len(p.Detail) < 15 || strings.Contains(p.Detail, "SQLSTATE") {
		t.Errorf("%q is no sentence for a person", p.Detail)
	}
	return p
}

func badRequests(t *testing.T, w *world, ids knownIDs) {
	sync, mapping := "/orders/"+ids.order+"/sync", `"store_id":"`+ids.store+`","variant_key":"a/b","role":"own"`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, pointer            string
	}{
		{"malformed JSON", "POST", "/sync-jobs", `{"scope":`, 400, "body_malformed", ""},
		{"no body", "POST", "/sync-jobs", ``, 400, "body_missing", ""},
		{"an array for an object", "POST", "/sync-jobs", `[]`, 422, "validation_failed", "/"},
		{"two JSON values", "POST", "/sync-jobs", `{"scope":{"kind":"all"}} {}`, 400, "body_malformed", ""},
		{"garbage after the JSON", "POST", "/sync-jobs", `{"scope":{"kind":"all"}}]`, 400, "body_malformed", ""},
		{"an unknown field", "POST", "/sync-jobs", `{"scope":{"kind":"all"},"speed":9}`, 422, "unknown_field", "/speed"},
		{"a wrong type", "POST", "/sync-jobs", `{"scope":{"kind":"all"},"reason":5}`, 422, "validation_failed", "/reason"},
		{"a wrong type further down", "POST", "/sync-jobs", `{"scope":{"kind":"orders","ids":"x"}}`, 422, "validation_failed", "/scope/ids"},
		{"a word that is none", "POST", "/sync-jobs", `{"scope":{"kind":"galaxy"}}`, 422, "validation_failed", "/scope/kind"},
		{"a direction that is none", "POST", sync, `{"direction":"sideways"}`, 422, "validation_failed", "/direction"},
		{"a reason too long", "POST", sync, `{"reason":"` + strings.Repeat("x", 501) + `"}`, 422, "validation_failed", "/reason"},
		{"a zero byte in text", "POST", sync, `{"reason":"a\u0000b"}`, 422, "validation_failed", "/reason"},
		{"an id that is none", "POST", "/sync-jobs", `{"scope":{"kind":"orders","ids":["x"]}}`, 422, "validation_failed", "/scope/ids/0"},
		{"ids that do not belong", "POST", "/sync-jobs", `{"scope":{"kind":"all","ids":["` + ids.order + `"]}}`, 422, "validation_failed", "/scope/ids"},
		{"an empty filter to sync", "POST", "/sync-jobs", `{"scope":{"kind":"filter","filter":{}}}`, 422, "validation_failed", "/scope/filter"},
		{"a sync of a filter without one", "POST", "/sync-jobs", `{"scope":{"kind":"filter"}}`, 422, "validation_failed", "/scope/filter"},
		{"a filter that does not belong", "POST", "/sync-jobs", `{"scope":{"kind":"all","filter":{"country":"US"}}}`, 422, "validation_failed", "/scope/filter"},
		{"a filter to sync of no country", "POST", "/sync-jobs/estimate", `{"scope":{"kind":"filter","filter":{"country":"us"}}}`, 422, "validation_failed", "/scope/filter/country"},
		{"a filter to sync with an unknown field", "POST", "/sync-jobs", `{"scope":{"kind":"filter","filter":{"carrier":"us"}}}`, 422, "unknown_field", "/carrier"},
		{"counts of no country", "GET", "/orders/counts?country=1", "", 422, "query_invalid", "country"},
		{"counts of a tab", "GET", "/orders/counts?tab=pending", "", 422, "query_invalid", "tab"},
		{"a required field left out", "POST", "/product-mappings", `{"store_id":"` + ids.store + `","role":"own"}`, 422, "validation_failed", "/variant_key"},
		{"dropship without a supplier", "POST", "/product-mappings", `{"store_id":"` + ids.store + `","variant_key":"a/b","role":"dropship"}`, 422, "validation_failed", "/supplier_product_id"},
		{"a rank out of range", "POST", "/product-mappings", `{` + mapping + `,"rank":2}`, 422, "validation_failed", "/rank"},
		{"a price of nothing", "POST", "/product-mappings", `{` + mapping + `,"price_cap":{"minor":-1,"currency":"USD"}}`, 422, "validation_failed", "/price_cap/minor"},
		{"a price too large", "POST", "/product-mappings", `{` + mapping + `,"price_cap":{"minor":1e30,"currency":"USD"}}`, 422, "validation_failed", "/price_cap/minor"},
		{"a currency that is none", "POST", "/product-mappings", `{` + mapping + `,"price_cap":{"minor":1,"currency":"XXA"}}`, 422, "validation_failed", "/price_cap/currency"},
		{"a mapping twice", "POST", "/product-mappings", `{"store_id":"` + ids.store + `","variant_key":"5376f9ec-b92e-efa9-e4a1-000000000001/00000000-0000-0020-0005-000000000001","role":"own"}`, 409, "mapping_exists", ""},
		{"a quantity of nothing", "POST", "/orders/" + ids.order + "/supplier-orders", `{"lines":[{"line_id":"1","quantity":-1}]}`, 422, "validation_failed", "/lines/0/quantity"},
		{"the same line twice", "POST", "/orders/" + ids.order + "/supplier-orders", `{"lines":[{"line_id":"1","quantity":1},{"line_id":"1","quantity":1}]}`, 422, "validation_failed", "/lines"},
		{"a time that is none", "POST", "/orders/" + ids.order + "/supplier-orders", `{"hold_until":"tomorrow"}`, 400, "body_malformed", ""},
		{"a number with letters", "POST", "/orders/" + ids.order + "/supplier-orders/link", `{"number":"12345abc90"}`, 422, "validation_failed", "/number"},
		{"found without a number", "POST", "/supplier-orders/" + ids.supplierOrder + "/resolve", `{"outcome":"found"}`, 422, "validation_failed", "/number"},
		{"nothing to place in bulk", "POST", "/supplier-orders/bulk", `{}`, 422, "validation_failed", "/filter"},
		{"an empty bulk", "POST", "/supplier-orders/bulk", `{"order_ids":[]}`, 422, "validation_failed", "/order_ids"},
		{"a bulk of both kinds", "POST", "/supplier-orders/bulk", `{"order_ids":["` + ids.order + `"],"filter":{}}`, 422, "validation_failed", "/order_ids"},
		{"a bulk too large", "POST", "/supplier-orders/bulk", `{"order_ids":["` + strings.Repeat(unknownID+`","`, 200) + unknownID + `"]}`, 422, "validation_failed", "/order_ids"},
		{"a bulk of no ids", "POST", "/supplier-orders/bulk", `{"order_ids":["x"]}`, 422, "validation_failed", "/order_ids/0"},
		{"a bulk of a tab that is none", "POST", "/supplier-orders/bulk", `{"filter":{"tab":"lost"}}`, 422, "validation_failed", "/filter/tab"},
		{"a bulk cursor that nobody gave", "POST", "/supplier-orders/bulk", `{"filter":{"cursor":"abc"}}`, 422, "cursor_invalid", "cursor"},
		{"a preflight of an unknown line", "POST", "/orders/" + ids.order + "/preflight", `{"lines":[{"line_id":"x","quantity":1}]}`, 404, "line_not_found", ""},
		{"a preflight of nothing of a line", "POST", "/orders/" + ids.order + "/preflight", `{"lines":[{"line_id":"x","quantity":0}]}`, 422, "validation_failed", "/lines/0/quantity"},
		{"a hold without a reason", "POST", "/orders/" + ids.order + "/hold", `{}`, 422, "validation_failed", "/reason"},
		{"a hold until yesterday", "POST", "/orders/" + ids.order + "/hold", `{"reason":"x","until":"2020-01-01T00:00:00Z"}`, 422, "validation_failed", "/until"},
		{"a release of what is not held", "POST", "/orders/" + ids.order + "/release", ``, 409, "order_not_held", ""},
		{"an address without a street", "PUT", "/orders/" + ids.order + "/purchase-address", `{"reason":"x","address":{"phone":"1","city":"c","country":"US"}}`, 422, "validation_failed", "/address/line1"},
		{"an address in no country", "PUT", "/orders/" + ids.order + "/purchase-address", `{"reason":"x","address":{"phone":"1","line1":"l","city":"c","country":"XX"}}`, 422, "validation_failed", "/address/country"},
		{"an address that AliExpress refuses", "PUT", "/orders/" + ids.order + "/purchase-address", `{"reason":"x","address":{"first_name":"Jane","last_name":"Doe","phone":"+12125550123","line1":"A St","city":"New York","subdivision":"US-NY","country":"US"}}`, 422, "address_rejected", "/address/line1"},
		{"an address without a reason", "PUT", "/orders/" + ids.order + "/purchase-address", `{"address":{"phone":"1","line1":"l","city":"c","country":"US"}}`, 422, "validation_failed", "/reason"},
		{"no address to remove", "DELETE", "/orders/" + ids.order + "/purchase-address", ``, 404, "purchase_address_not_found", ""},
		{"a supplier order held until never", "POST", "/supplier-orders/" + ids.supplierOrder + "/hold", `{}`, 422, "validation_failed", "/until"},
		{"a hold of what is bought", "POST", "/supplier-orders/" + ids.supplierOrder + "/hold", `{"until":"2099-01-01T00:00:00Z"}`, 409, "placement_moved_on", ""},
		{"placing what is bought", "POST", "/supplier-orders/" + ids.supplierOrder + "/place-now", ``, 409, "placement_moved_on", ""},
		{"withdrawing what is bought", "POST", "/supplier-orders/" + ids.supplierOrder + "/withdraw", ``, 409, "placement_moved_on", ""},
		{"a correction without a reason", "PATCH", "/supplier-orders/" + ids.supplierOrder, `{"number":"8198352049851315"}`, 422, "validation_failed", "/reason"},
		{"a correction to no number", "PATCH", "/supplier-orders/" + ids.supplierOrder, `{"number":"12345abc90","reason":"x"}`, 422, "validation_failed", "/number"},
		{"a correction to nobody's number", "PATCH", "/supplier-orders/" + ids.supplierOrder, `{"number":"8190000000000001","reason":"x"}`, 409, "number_not_of_this_account", ""},
		{"unlinking without a reason", "POST", "/supplier-orders/" + ids.supplierOrder + "/unlink", `{}`, 422, "validation_failed", "/reason"},
		{"unlinking what Waybill bought", "POST", "/supplier-orders/" + ids.supplierOrder + "/unlink", `{"reason":"x"}`, 409, "bought_by_waybill", ""},
		{"letting go on what is not stopped", "POST", "/settings/resume-placing", ``, 409, "placing_not_stopped", ""},
		{"a rule that buys with no account", "PUT", "/settings", `{"zone":"UTC","auto_place":{"enabled":true,"account_id":"` + unknownID + `"}}`, 422, "validation_failed", "/auto_place/account_id"},
		{"a platform that is none", "POST", "/connections", `{"platform":"shopify"}`, 422, "validation_failed", "/platform"},
		{"an instance that Wix did not sign", "POST", "/connections", `{"platform":"wix","instance":"aaaa.bbbb"}`, 422, "wix_instance_signature", ""},
		{"a body over 1 MiB", "POST", "/sync-jobs", `{"reason":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "body_too_large", ""},

		{"a carrier without a name", "PUT", "/carriers", `{"provider":"usps"}`, 422, "validation_failed", "/name"},
		{"a carrier without a link", "PUT", "/carriers", `{"name":"Some Post","provider":"Some"}`, 422, "validation_failed", "/link"},
		{"a carrier's link without https", "PUT", "/carriers", `{"name":"Some Post","link":"http://track.example.com/{number}"}`, 422, "validation_failed", "/link"},
		{"a carrier's link without a number", "PUT", "/carriers", `{"name":"Some Post","link":"https://track.example.com/"}`, 422, "validation_failed", "/link"},
		{"a carrier's link to a private host", "PUT", "/carriers", `{"name":"Some Post","link":"https://10.0.0.1/{number}"}`, 422, "validation_failed", "/link"},
		{"a carrier's link with the number as a host", "PUT", "/carriers", `{"name":"Some Post","link":"https://{number}.example.com/"}`, 422, "validation_failed", "/link"},
		{"a script for a carrier's link", "PUT", "/carriers", `{"name":"Some Post","link":"javascript:alert('{number}')"}`, 422, "validation_failed", "/link"},
		{"a carrier to be removed without a name", "DELETE", "/carriers", "", 422, "query_invalid", "name"},
		{"a carrier to be removed that is not there", "DELETE", "/carriers?name=nobody", "", 404, "carrier_not_found", ""},
		{"a carrier tried without a number", "POST", "/carriers/test", `{"name":"usps"}`, 422, "validation_failed", "/number"},
		{"a flag put off without a time", "POST", "/flags/" + ids.flag + "/snooze", `{"reason":"x"}`, 422, "validation_failed", "/until"},
		{"a flag put off to the past", "POST", "/flags/" + ids.flag + "/snooze", `{"reason":"x","until":"2020-01-01T00:00:00Z"}`, 422, "snooze_in_the_past", ""},
		{"a flag put off without a reason", "POST", "/flags/" + ids.flag + "/snooze", `{"until":"2120-01-01T00:00:00Z"}`, 422, "validation_failed", "/reason"},
		{"a flag closed without a reason", "POST", "/flags/" + ids.flag + "/close", `{}`, 422, "validation_failed", "/reason"},
		{"a flag that is none", "POST", "/flags/42/close", `{"reason":"x"}`, 404, "flag_not_found", ""},
		{"an owner that is none", "GET", "/flags?owner=nobody", "", 422, "query_invalid", "owner"},
		{"a sort that is none", "GET", "/flags?sort=best", "", 422, "query_invalid", "sort"},
		{"a flags' cursor that nobody gave", "GET", "/flags?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a mismatches' cursor that nobody gave", "GET", "/mismatches?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a decision that is none", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"paid","reason":"x"}`, 422, "validation_failed", "/kind"},
		{"a decision without a reason", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"closed"}`, 422, "validation_failed", "/reason"},
		{"a decision about no line", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"line_role","role":"own","reason":"x"}`, 422, "validation_failed", "/line_id"},
		{"a decision about a line that is not there", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"line_role","role":"own","line_id":"x","reason":"x"}`, 404, "line_not_found", ""},
		{"a role that is none", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"line_role","role":"mine","line_id":"x","reason":"x"}`, 422, "validation_failed", "/role"},
		{"a parcel where none belongs", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"closed","parcel_id":"` + unknownID + `","reason":"x"}`, 422, "validation_failed", "/parcel_id"},
		{"a parcel that is not there", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"parcel_lost","parcel_id":"` + unknownID + `","reason":"x"}`, 404, "parcel_not_found", ""},
		{"a decision that has ended", "POST", "/orders/" + ids.order + "/overrides", `{"kind":"closed","reason":"x","expires_at":"2020-01-01T00:00:00Z"}`, 422, "expiry_in_the_past", ""},
		{"a decision that is not there", "DELETE", "/orders/" + ids.order + "/overrides/" + unknownID, "", 404, "override_not_found", ""},
		{"a decision's id that is none", "DELETE", "/orders/" + ids.order + "/overrides/%00", "", 404, "override_not_found", ""},
		{"an order's id that is none", "POST", "/orders/42/fulfil-without-number", `{"reason":"x"}`, 404, "order_not_found", ""},
		{"nothing shipped without a number", "POST", "/orders/" + ids.order + "/fulfil-without-number", `{"reason":"x"}`, 409, "nothing_without_number", ""},
		{"fulfilled without a reason", "POST", "/orders/" + ids.order + "/fulfil-without-number", `{}`, 422, "validation_failed", "/reason"},
		{"nothing to overwrite", "POST", "/pushes/" + ids.push + "/overwrite", `{}`, 409, "nothing_to_overwrite", ""},
		{"accepted without a reason", "POST", "/pushes/" + ids.push + "/accept", `{}`, 422, "validation_failed", "/reason"},
		{"a push that is none", "POST", "/pushes/42/fix", `{}`, 404, "push_not_found", ""},

		{"an unknown parameter", "GET", "/orders?tabs=pending", "", 422, "query_invalid", "tabs"},
		{"a limit of nothing", "GET", "/orders?limit=0", "", 422, "query_invalid", "limit"},
		{"a limit too large", "GET", "/orders?limit=201", "", 422, "query_invalid", "limit"},
		{"a state of sync jobs that is none", "GET", "/sync-jobs?state=lost", "", 422, "query_invalid", "state"},
		{"a trigger of sync jobs that is none", "GET", "/sync-jobs?trigger=magic", "", 422, "query_invalid", "trigger"},
		{"a view without a name", "POST", "/views", `{"query":"x"}`, 422, "validation_failed", "/name"},
		{"a view's query that is no text", "PUT", "/views/" + unknownID, `{"name":"x","query":7}`, 422, "validation_failed", "/query"},
		{"a view that is not there", "DELETE", "/views/" + unknownID, "", 404, "view_not_found", ""},
		{"an export of a tab that is none", "GET", "/orders/export?tab=lost", "", 422, "query_invalid", "tab"},
		{"an export's limit", "GET", "/orders/export?limit=5", "", 422, "query_invalid", "limit"},
		{"a limit in words", "GET", "/sync-jobs?limit=many", "", 422, "query_invalid", "limit"},
		{"a cursor that nobody gave", "GET", "/orders?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a cursor of another list", "GET", "/sync-jobs?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a timeline's cursor that nobody gave", "GET", "/orders/" + ids.order + "/timeline?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a cursor of wanted mappings that nobody gave", "GET", "/product-mappings/wanted?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a range that is none", "GET", "/sync-health/history?range=7d", "", 422, "query_invalid", "range"},
		{"the history of nothing", "GET", "/sync-health/history?connection_id=" + unknownID, "", 404, "connection_not_found", ""},
		{"a country that is none", "GET", "/supplier-products/1005004638293060?country=usa", "", 422, "query_invalid", "country"},
		{"a product that is none", "GET", "/supplier-products/x", "", 400, "invalid_product_id", ""},
		{"an account that is none", "GET", "/supplier-products/1005004638293060?account_id=" + unknownID, "", 404, "account_not_found", ""},
		{"a mapping cursor that nobody gave", "GET", "/product-mappings?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a tab that is none", "GET", "/orders?tab=lost", "", 422, "query_invalid", "tab"},
		{"a view that is none", "GET", "/orders?view=all", "", 422, "query_invalid", "view"},
		{"a sort of orders that is none", "GET", "/orders?sort=best", "", 422, "query_invalid", "sort"},
		{"a country that is none", "GET", "/orders?country=Germany", "", 422, "query_invalid", "country"},
		{"a supplier's id that is too long", "GET", "/orders?supplier=" + strings.Repeat("1", 41), "", 422, "query_invalid", "supplier"},
		{"a cursor of another sort", "GET", "/orders?sort=oldest&cursor=eyJhdCI6IjIwMjYtMDMtMDFUMDA6MDA6MDBaIiwiaWQiOiIwMTk4YTdmMi03YzFlLTdiNWUtOWQ1My0wYjhmMGYzYzJmMTEifQ", "", 422, "cursor_invalid", "cursor"},
		{"a query time that is none", "GET", "/orders?placed_from=yesterday", "", 422, "query_invalid", "placed_from"},
		{"a store that is no id", "GET", "/orders/counts?store_id=1", "", 422, "query_invalid", "store_id"},
		{"a zero byte in q", "GET", "/orders?q=%00x", "", 422, "query_invalid", "q"},
		{"bytes that are no text in q", "GET", "/orders?q=%ff%fe", "", 422, "query_invalid", "q"},
		{"bytes that are no text in a filter", "GET", "/product-mappings?variant_key=%ff", "", 422, "query_invalid", "variant_key"},
		{"a parameter twice", "GET", "/orders?tab=pending&tab=fulfilled", "", 422, "query_invalid", "tab"},
		{"a query that is no query", "GET", "/orders?q=%zz", "", 422, "query_invalid", "query"},

		{"a pay list's cursor that nobody gave", "GET", "/pay-list?cursor=abc", "", 422, "cursor_invalid", "cursor"},
		{"a pay list of an account that is no id", "GET", "/pay-list?account_id=1", "", 422, "query_invalid", "account_id"},
		{"a pay list's unknown parameter", "GET", "/pay-list?tab=pending", "", 422, "query_invalid", "tab"},
		{"a supplier order id that is none", "PATCH", "/supplier-orders/42", `{"number":"8198352049851315","reason":"x"}`, 404, "supplier_order_not_found", ""},

		{"a path id that is none", "GET", "/orders/42", "", 404, "order_not_found", ""},
		{"a path id that is text", "GET", "/orders/%00%ff", "", 404, "order_not_found", ""},
		{"a path id with a quote", "GET", "/orders/'%20OR%201=1--", "", 404, "order_not_found", ""},
		{"an unknown order", "GET", "/orders/" + unknownID, "", 404, "order_not_found", ""},
		{"an unknown order in a sync", "POST", "/sync-jobs", `{"scope":{"kind":"orders","ids":["` + unknownID + `"]}}`, 404, "order_not_found", ""},
		{"an unknown store", "POST", "/product-mappings", `{"store_id":"` + unknownID + `","variant_key":"a/b","role":"own"}`, 404, "store_not_found", ""},
		{"a supplier account for a store", "POST", "/sync-jobs", `{"scope":{"kind":"store","store_id":"` + ids.account + `"}}`, 404, "store_not_found", ""},
		{"a wrong method", "DELETE", "/orders", "", 405, "method_not_allowed", ""},
		{"a wrong method on one", "PATCH", "/orders/" + ids.order, `{}`, 405, "method_not_allowed", ""},
		{"an unknown route", "GET", "/order", "", 404, "route_not_found", ""},
		{"an unknown route with markup", "GET", "/%3Cscript%3Ealert(1)%3C/script%3E", "", 404, "route_not_found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.on(t).send(c.method, c.path, "Bearer "+w.key, "application/json", []byte(c.body))
			p := checkProblem(t, a, c.status, c.code)
			if c.pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer || p.Errors[0].Reason == "") {
				t.Errorf("it points to %+v, not to %s", p.Errors, c.pointer)
			}
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("no Allow header says what is possible")
			}
		})
	}
	for _, c := range []struct{ name, contentType string }{{"no content type", ""}, {"a form", "application/x-www-form-urlencoded"}, {"plain text", "text/plain"}} {
		t.Run(c.name, func(t *testing.T) {
			a := w.on(t).send(http.MethodPost, "/sync-jobs", "Bearer "+w.key, c.contentType, []byte(`{"scope":{"kind":"all"}}`))
			checkProblem(t, a, http.StatusBadRequest, "content_type_not_json")
		})
	}
	for _, c := range []struct{ name, authorization, code string }{
		{"no key", "", "key_missing"},
		{"an empty key", "Bearer ", "key_missing"},
		{"a wrong key", "Bearer key-of-nobody-0123456789", "key_unknown"},
		{"a wrong scheme", "Basic " + w.key, "key_missing"},
		{"no scheme", w.key, "key_missing"},
		{"bytes that are no text", "Bearer \xff\xfe", "key_unknown"},
		{"a quote for a key", "Bearer ' OR '1'='1", "key_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.on(t).send(http.MethodGet, "/orders", c.authorization, "", nil)
			checkProblem(t, a, http.StatusUnauthorized, c.code)
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
			}
			checkProblem(t, w.on(t).send(http.MethodPost, sync, c.authorization, "application/json", []byte(`{}`)), http.StatusUnauthorized, c.code)
		})
	}
}

// on is the same world, which fails another test.
func (w *world) on(t *testing.T) *world {
	other := *w
	other.t = t
	return &other
}

// What belongs to another merchant is answered like what does not exist, to the letter.
func foreignIDs(t *testing.T, w *world, ids knownIDs) {
	mapping := `{"role":"own"}`
	for _, c := range []struct{ method, path, body, id string }{
		{"GET", "/orders/{}", "", ids.order},
		{"GET", "/orders/{}/timeline", "", ids.order},
		{"POST", "/orders/{}/sync", "", ids.order},
		{"POST", "/orders/{}/supplier-orders", "", ids.order},
		{"POST", "/orders/{}/supplier-orders/link", `{"number":"8198352049851315"}`, ids.order},
		{"POST", "/orders/{}/preflight", "", ids.order},
		{"POST", "/orders/{}/hold", `{"reason":"x"}`, ids.order},
		{"POST", "/orders/{}/release", "", ids.order},
		{"PUT", "/orders/{}/purchase-address", `{"reason":"x","address":{"first_name":"Jane","last_name":"Doe","phone":"+12125550123","line1":"1 Main Street","city":"New York","subdivision":"US-NY","country":"US"}}`, ids.order},
		{"DELETE", "/orders/{}/purchase-address", "", ids.order},
		{"PATCH", "/supplier-orders/{}", `{"number":"8198352049851315","reason":"x"}`, ids.supplierOrder},
		{"POST", "/supplier-orders/{}/place-now", "", ids.supplierOrder},
		{"POST", "/supplier-orders/{}/hold", `{"until":"2099-01-01T00:00:00Z"}`, ids.supplierOrder},
		{"POST", "/supplier-orders/{}/withdraw", "", ids.supplierOrder},
		{"POST", "/supplier-orders/{}/unlink", `{"reason":"x","force":true}`, ids.supplierOrder},
		{"POST", "/sync-jobs", `{"scope":{"kind":"orders","ids":["{}"]}}`, ids.order},
		{"POST", "/sync-jobs", `{"scope":{"kind":"store","store_id":"{}"}}`, ids.store},
		{"POST", "/sync-jobs", `{"scope":{"kind":"filter","filter":{"store_id":"{}"}}}`, ids.store},
		{"POST", "/supplier-orders/{}/resolve", `{"outcome":"found","number":"8198352049851315"}`, ids.supplierOrder},
		{"POST", "/supplier-orders/{}/resolve", `{"outcome":"absent"}`, ids.supplierOrder},
		{"POST", "/pushes/{}/retry", "", ids.push},
		{"POST", "/pushes/{}/fix", "", ids.push},
		{"POST", "/pushes/{}/overwrite", "", ids.push},
		{"POST", "/pushes/{}/accept", `{"reason":"x"}`, ids.push},
		{"POST", "/orders/{}/fulfil-without-number", `{"reason":"x"}`, ids.order},
		{"POST", "/orders/{}/overrides", `{"kind":"closed","reason":"x"}`, ids.order},
		{"DELETE", "/orders/{}/overrides/" + unknownID, "", ids.order},
		{"POST", "/flags/{}/snooze", `{"until":"2120-01-01T00:00:00Z","reason":"x"}`, ids.flag},
		{"POST", "/flags/{}/close", `{"reason":"x"}`, ids.flag},
		{"POST", "/flags/{}/reopen", "", ids.flag},
		{"GET", "/sync-jobs/{}", "", ids.syncJob},
		{"GET", "/sync-jobs/{}/items", "", ids.syncJob},
		{"POST", "/sync-jobs/{}/cancel", "", ids.syncJob},
		{"GET", "/product-mappings/{}", "", ids.mapping},
		{"PUT", "/product-mappings/{}", mapping, ids.mapping},
		{"DELETE", "/product-mappings/{}", "", ids.mapping},
		{"POST", "/product-mappings", `{"store_id":"{}","variant_key":"a/b","role":"own"}`, ids.store},
		{"GET", "/sync-health/history?connection_id={}", "", ids.store},
		{"GET", "/supplier-products/1005004638293060?account_id={}", "", ids.account},
		{"GET", "/connections/{}", "", ids.store},
		{"GET", "/connections/{}", "", ids.account},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			ask := func(id string) string {
				a := w.on(t).send(c.method, strings.ReplaceAll(c.path, "{}", id), "Bearer "+otherKey, "application/json", []byte(strings.ReplaceAll(c.body, "{}", id)))
				var p problemView
				a.into(t, &p)
				checkProblem(t, a, http.StatusNotFound, p.Code)
				return strings.NewReplacer(id, "{}", p.Instance, "").Replace(string(a.body))
			}
			if foreign, unknown := ask(c.id), ask(unknownID); foreign != unknown {
				t.Errorf("another merchant's is answered %s, an unknown one %s", foreign, unknown)
			}
		})
	}
	for _, list := range []string{"/orders", "/orders?store_id=" + ids.store, "/orders?q=jane", "/sync-jobs", "/product-mappings", "/product-mappings/wanted", "/suppliers", "/product-mappings?store_id=" + ids.store, "/connections", "/pay-list", "/pay-list?store_id=" + ids.store, "/flags", "/flags?store_id=" + ids.store, "/mismatches"} {
		a := w.on(t).send(http.MethodGet, list, "Bearer "+otherKey, "", nil)
		if a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`":[]`)) {
			t.Errorf("%s shows the other merchant %d %s", list, a.status, a.body)
		}
	}
	a := w.on(t).send(http.MethodGet, "/orders/counts?store_id="+ids.store, "Bearer "+otherKey, "", nil)
	if bytes.ContainsAny(a.body, "123456789") {
		t.Errorf("another merchant's orders are counted: %s", a.body)
	}
}

// event is a webhook's claims about an order, as wix.md 5 describes them.
func event(instance, orderID string, expires time.Time) jwt.MapClaims {
	quoted := func(v any) string { raw, _ := json.Marshal(v); return string(raw) }
	const kind = "wix.ecom.v1.order"
	inner := quoted(map[string]any{
		"id": "a3e6b5b0-0000-4000-8000-" + orderID[len(orderID)-12:], "entityFqdn": kind, "slug": "canceled", "entityId": orderID,
		"actionEvent": map[string]any{"body": map[string]any{"order": map[string]any{"id": orderID, "status": "CANCELED"}}},
		"eventTime":   time.Now().UTC().Format(time.RFC3339), "entityEventSequence": "99",
	})
	envelope := quoted(map[string]any{"data": inner, "instanceId": instance, "eventType": kind + "_canceled", "identity": "{}"})
	return jwt.MapClaims{"data": envelope, "iat": expires.Add(-time.Hour).Unix(), "exp": expires.Unix()}
}

func (w *world) webhook(body string) answer {
	w.t.Helper()
	return w.send(http.MethodPost, "/webhooks/wix", "", "text/plain", []byte(body))
}

// sign signs claims as Wix does.
func (w *world) sign(claims any) string {
	w.t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.wix.Sign(raw)
}

func forgedWebhooks(t *testing.T, w *world) {
	info := w.wix.Info()
	soon := time.Now().Add(time.Hour)
	claims := event(info.InstanceID, info.OrderID, soon)
	wrong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(method jwt.SigningMethod, key any) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	right := w.sign(claims)
	parts := strings.Split(right, ".")
	other := strings.Split(w.sign(event(info.InstanceID, unknownID, soon)), ".")
	endless := event(info.InstanceID, info.OrderID, soon)
	delete(endless, "exp")
	for name, body := range map[string]string{
		"a wrong key":                            signed(jwt.SigningMethodRS256, wrong),
		"no algorithm":                           signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"the public key as a secret":             signed(jwt.SigningMethodHS256, []byte(info.WebhookPublicKey)),
		"another RSA algorithm":                  signed(jwt.SigningMethodPS256, wrong),
		"expired":                                w.sign(event(info.InstanceID, info.OrderID, time.Now().Add(-time.Hour))),
		"without an end":                         w.sign(endless),
		"the signature of another message":       parts[0] + "." + other[1] + "." + parts[2],
		"no signature":                           parts[0] + "." + parts[1] + ".",
		"two parts":                              parts[0] + "." + parts[1],
		"garbage":                                "garbage",
		"JSON that is not signed":                `{"data":"{}"}`,
		"bytes that are no text":                 "\xff\x00.\xfe.\xfd",
		"a token with something before and past": "Bearer " + right + " x",
	} {
		t.Run(name, func(t *testing.T) {
			checkProblem(t, w.on(t).webhook(body), http.StatusUnauthorized, "webhook_signature")
		})
	}
	checkProblem(t, w.on(t).webhook(""), http.StatusBadRequest, "body_missing")
	checkProblem(t, w.on(t).webhook(strings.Repeat("x", 5<<20+1)), http.StatusRequestEntityTooLarge, "body_too_large")
	for name, claims := range map[string]any{
		"data that is no text":    jwt.MapClaims{"data": 5, "exp": soon.Unix()},
		"data that is no JSON":    jwt.MapClaims{"data": "{", "exp": soon.Unix()},
		"no instance and no type": jwt.MapClaims{"data": "{}", "exp": soon.Unix()},
	} {
		t.Run(name, func(t *testing.T) {
			checkProblem(t, w.on(t).webhook(w.sign(claims)), http.StatusBadRequest, "webhook_malformed")
		})
	}
}

func (w *world) pushMessage(authorization string, body []byte) answer {
	w.t.Helper()
	return w.send(http.MethodPost, "/webhooks/aliexpress", authorization, "application/json", body)
}

// signPush is AliExpress' signature over a raw body.
func (w *world) signPush(body []byte) string {
	info := w.ali.Info()
	mac := hmac.New(sha256.New, []byte(info.AppSecret))
	mac.Write([]byte(info.AppKey))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func forgedPushes(t *testing.T, w *world) {
	body := []byte(`{"data":{"buyerId":` + w.ali.Info().UserID + `,"orderId":8198352049851315,"orderStatus":"OrderShipped"},"message_type":53,"timestamp":1773480041}`)
	right := w.signPush(body)
	for name, authorization := range map[string]string{
		"none": "", "of other bytes": w.signPush([]byte("{}")), "no hex": "zzzz", "cut": right[:32], "an API key": "Bearer " + w.key, "more than one": right + right,
	} {
		t.Run(name, func(t *testing.T) {
			checkProblem(t, w.on(t).pushMessage(authorization, body), http.StatusUnauthorized, "push_signature")
		})
	}
	for _, garbage := range []string{"garbage", "[1]", `{"data":[]}`} {
		checkProblem(t, w.on(t).pushMessage(w.signPush([]byte(garbage)), []byte(garbage)), http.StatusBadRequest, "push_unreadable")
	}
	checkProblem(t, w.on(t).pushMessage("", nil), http.StatusBadRequest, "body_missing")
	large := bytes.Repeat([]byte("x"), 256<<10+1)
	checkProblem(t, w.on(t).pushMessage(w.signPush(large), large), http.StatusRequestEntityTooLarge, "body_too_large")
	if a := w.on(t).send(http.MethodGet, "/webhooks/aliexpress", "", "", nil); a.status != http.StatusOK {
		t.Errorf("the platform's probe is answered %d %s", a.status, a.body)
	}
}

// A true message of an account that nobody has connected is kept apart, once, and acknowledged.
func strangers(t *testing.T, w *world, database string) {
	before := rowCounts(t, database)
	token := w.sign(event("99999999-0000-4000-8000-000000000000", unknownID, time.Now().Add(time.Hour)))
	body := []byte(`{"data":{"buyerId":999,"orderId":8198352049851315,"orderStatus":"OrderShipped"},"message_type":53,"timestamp":1773480041}`)
	for range 2 {
		if a := w.on(t).webhook(token); a.status != http.StatusOK {
			t.Errorf("a webhook of an unknown instance is answered %d %s", a.status, a.body)
		}
		if a := w.on(t).pushMessage(w.signPush(body), body); a.status != http.StatusOK {
			t.Errorf("a push message of an unknown account is answered %d %s", a.status, a.body)
		}
	}
	before["orphan_inbox"] += 2
	if after := rowCounts(t, database); !maps.Equal(before, after) {
		t.Errorf("more than two orphans: %v, wanted %v", after, before)
	}
}

func hostileText(t *testing.T, w *world, ids knownIDs) {
	hostile := []string{
		`' OR 1=1 --`, `'; DROP TABLE orders; --`, `"; DELETE FROM events`, `%`, `_`, `\`, `\' OR 1=1`, `<script>alert(1)</script>`, `{{7*7}}`, `../../etc/passwd`, `$1`, `@m`, `?`,
		"\u202e\u0000"[:3], strings.Repeat("é", 100),
	}
	for _, text := range hostile {
		var page struct{ Orders []orderView }
		w.on(t).do(http.MethodGet, "/orders?q="+url.QueryEscape(text), nil, http.StatusOK, &page)
		if len(page.Orders) != 0 {
			t.Errorf("%q finds %d orders", text, len(page.Orders))
		}
		w.on(t).do(http.MethodGet, "/orders?flag="+url.QueryEscape(text[:min(len(text), 60)]), nil, http.StatusOK, nil)
		w.on(t).do(http.MethodGet, "/product-mappings?variant_key="+url.QueryEscape(text), nil, http.StatusOK, nil)
	}
	for i, text := range hostile {
		var job struct{ ID, State, Reason string }
		w.on(t).do(http.MethodPost, "/orders/"+ids.order+"/sync", map[string]any{"reason": text, "direction": []string{"from_store", "from_supplier", "to_store", "all"}[i%4]}, http.StatusAccepted, &job)
		if job.Reason != text {
			t.Errorf("the reason %q became %q", text, job.Reason)
		}
		w.await("the sync job is done", func() bool {
			w.on(t).do(http.MethodGet, "/sync-jobs/"+job.ID, nil, http.StatusOK, &job)
			return job.State == "done"
		})
	}
	var timeline struct {
		Events []struct{ Kind, Reason string }
	}
	w.on(t).do(http.MethodGet, "/orders/"+ids.order+"/timeline?limit=200", nil, http.StatusOK, &timeline)
	told := map[string]bool{}
	for _, e := range timeline.Events {
		told[e.Reason] = true
	}
	for _, text := range hostile {
		if !told[text] {
			t.Errorf("the timeline does not tell of %q", text)
		}
	}
}
