package handlers

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/audit"
	"waybill/services/database"
)

// What changes something and is not entered as what a person or a key did, and why.
var notEntered = map[string]string{
	"POST /webhooks/wix":               "the platform's word, kept in the inbox",
	"POST /webhooks/aliexpress":        "the platform's word, kept in the inbox",
	"POST /orders/{id}/preflight":      "changes nothing",
	"POST /sync-jobs/estimate":         "changes nothing",
	"POST /carriers/test":              "changes nothing",
	"POST /session/wix":                "signs in as POST /session does, without an account of its own",
	"DELETE /session":                  "ends what signing in has begun",
	"POST /session/passkey":            "signs in as POST /session does",
	"POST /session/passkey/question":   "changes nothing",
	"POST /password-resets":            "sends a link; its use is entered",
	"POST /sign-ups":                   "sends a link; its use is entered",
	"POST /sign-ups/use":               "enters person_joined into the audit that begins with it",
	"POST /invitations/read":           "changes nothing",
	"POST /me/sessions/end":            "ends what signing in has begun",
	"POST /me/authenticator-app":       "begins what PUT ends and enters",
	"POST /me/passkeys/question":       "begins what POST /me/passkeys ends and enters",
	"POST /me/passkeys":                "entered as PUT /me/authenticator-app is: a browser is needed to do it",
	"POST /me/passkeys/{key}/remove":   "entered as POST /me/authenticator-app/remove is: a browser is needed to do it",
	"POST /connections/authorizations": "a consent that is begun; the connection that comes of it is entered",
}

type entrySeen struct {
	Seq       int64
	Actor     string
	Act       models.Act
	Subject   struct{ Kind, ID string }
	Reason    string
	RequestID string `json:"request_id"`
	Client    string
	Detail    map[string]any
	Hash      string
}

func (d *door) entries(filter string) []entrySeen {
	d.Helper()
	var page struct{ Entries []entrySeen }
	d.read(http.MethodGet, "/audit?"+filter, "", http.StatusOK, &page)
	return page.Entries
}

// changes does what routes do, and holds that each leaves one entry that tells who did what by which request.
type changes struct {
	*door
	seen map[string]bool
}

func (c *changes) do(route, path, body string, act models.Act, into any) entrySeen {
	c.Helper()
	method, _, _ := strings.Cut(route, " ")
	before := c.newest()
	status, header, answer := c.call(method, path, body)
	if status >= 300 {
		c.Fatalf("%s: %d %s", route, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			c.Fatal(err)
		}
	}
	got := c.newest()
	if got.Seq != before.Seq+1 || got.Act != act || got.Actor != "api:first" || got.RequestID != header.Get("X-Request-Id") || got.Client != "127.0.0.1" || got.Subject.Kind == "" {
		c.Errorf("%s: after entry %d comes %+v", route, before.Seq, got)
	}
	c.seen[route] = true
	return got
}

func (c *changes) newest() entrySeen {
	if list := c.entries("limit=1"); len(list) > 0 {
		return list[0]
	}
	return entrySeen{}
}

// Every route that changes something is done here and leaves an entry, or stands in a list with the reason why not.
func TestEveryChangeIsEntered(t *testing.T) {
	t.Parallel()
	c := &changes{newShop(t), map[string]bool{}}
	ids := c.oneOfEverything()
	order, push, bought := string(ids["/orders/"]), string(ids["/pushes/"]), string(ids["/supplier-orders/"])
	made := struct{ ID string }{}

	lone := c.paid("lone", "nobody sells it")
	var flags struct{ Flags []struct{ ID string } }
	c.read(http.MethodGet, "/flags?code=no_supplier", "", http.StatusOK, &flags)
	flag := "/flags/" + flags.Flags[0].ID
	if e := c.do("POST /flags/{id}/snooze", flag+"/snooze", `{"until":"2099-01-01T00:00:00Z","reason":"later"}`, models.ActFlagSnoozed, nil); e.Subject.ID != string(lone) || e.Reason != "later" || e.Detail["flag_id"] != flags.Flags[0].ID {
		t.Errorf("%+v", e)
	}
	c.do("POST /flags/{id}/reopen", flag+"/reopen", "", models.ActFlagReopened, nil)
	c.do("POST /flags/{id}/close", flag+"/close", `{"reason":"x"}`, models.ActFlagClosed, nil)

	c.exec("UPDATE pushes SET fulfillment_id = 'f'") // it has been told, so that it stays
	c.do("POST /pushes/{id}/retry", "/pushes/"+push+"/retry", "", models.ActPushRetried, nil)
	c.do("POST /pushes/{id}/fix", "/pushes/"+push+"/fix", "", models.ActPushFixed, nil)
	c.exec("UPDATE pushes SET state = 'refused', error_code = ?", models.PushShownOtherwise)
	c.do("POST /pushes/{id}/overwrite", "/pushes/"+push+"/overwrite", "", models.ActPushOverwritten, nil)
	c.exec("UPDATE pushes SET state = 'refused'")
	c.do("POST /pushes/{id}/accept", "/pushes/"+push+"/accept", `{"reason":"x"}`, models.ActPushAccepted, nil)

	number := func() string {
		t.Helper()
		info := c.market.Info()
		n, err := c.market.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: info.ProductID, SKUID: info.SKUID, Quantity: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c.do("PATCH /supplier-orders/{id}", "/supplier-orders/"+bought, `{"number":"`+number()+`","force":true,"reason":"x"}`, models.ActNumberChanged, nil)
	c.do("POST /supplier-orders/{id}/unlink", "/supplier-orders/"+bought+"/unlink", `{"reason":"x","force":true}`, models.ActUnlinked, nil)
	c.do("POST /orders/{id}/supplier-orders/link", "/orders/"+order+"/supplier-orders/link", `{"number":"`+number()+`","lines":[{"line_id":"a","quantity":2}]}`, models.ActNumberLinked, nil)
	c.exec("UPDATE supplier_orders SET stage = 'shipped' WHERE state = 'placed'")
	c.do("POST /orders/{id}/fulfil-without-number", "/orders/"+order+"/fulfil-without-number", `{"reason":"x"}`, models.ActFulfilledWithoutNumber, nil)

	c.do("POST /orders/{id}/hold", "/orders/"+order+"/hold", `{"reason":"x"}`, models.ActHeld, nil)
	c.do("POST /orders/{id}/release", "/orders/"+order+"/release", "", models.ActReleased, nil)
	e := c.do("PUT /orders/{id}/purchase-address", "/orders/"+order+"/purchase-address", matrixBodies["PUT /orders/{id}/purchase-address"], models.ActAddressChanged, nil)
	if raw := fmt.Sprint(e); strings.Contains(raw, "Jane") || strings.Contains(raw, "Main Street") {
		t.Errorf("an address is in the audit: %s", raw)
	}
	c.do("DELETE /orders/{id}/purchase-address", "/orders/"+order+"/purchase-address", "", models.ActAddressDropped, nil)
	c.do("POST /orders/{id}/overrides", "/orders/"+order+"/overrides", `{"kind":"closed","reason":"x"}`, models.ActOverrideMade, &made)
	c.do("DELETE /orders/{id}/overrides/{oid}", "/orders/"+order+"/overrides/"+made.ID, "", models.ActOverrideDropped, nil)

	c.mapAndBuy()

	var job struct{ ID string }
	c.do("POST /orders/{id}/sync", "/orders/"+order+"/sync", "", models.ActSyncRequested, nil)
	c.do("POST /sync-jobs", "/sync-jobs", `{"scope":{"kind":"all"}}`, models.ActSyncRequested, &job)
	c.do("POST /sync-jobs/{id}/cancel", "/sync-jobs/"+job.ID+"/cancel", "", models.ActSyncCancelled, nil)
	c.do("POST /dead-letters/replay", "/dead-letters/replay", `{"ids":["1"]}`, models.ActDeadLettersReplayed, nil)

	e = c.do("PUT /settings", "/settings", `{"zone":"Europe/Berlin","seller_late_days":9}`, models.ActSettingsChanged, nil)
	if got := fmt.Sprint(e.Detail); got != "map[seller_late_days:map[from:7 to:9] zone:map[from:UTC to:Europe/Berlin]]" {
		t.Errorf("the change of the settings is told as %s", got)
	}
	c.do("PUT /connections/{id}/settings", "/connections/"+string(c.store)+"/settings", `{"push_when":"first_scan"}`, models.ActStoreSettingsChanged, nil)
	c.exec("UPDATE merchants SET placing_tripped_at = now(), placing_tripped_why = 'x'")
	c.do("POST /settings/resume-placing", "/settings/resume-placing", "", models.ActPlacingResumed, nil)
	c.do("PUT /carriers", "/carriers", `{"name":"Mine","provider":"dhl","link":""}`, models.ActCarrierChanged, nil)
	c.do("DELETE /carriers", "/carriers?name=Mine", "", models.ActCarrierRemoved, nil)
	c.do("POST /views", "/views", `{"name":"Lost"}`, models.ActViewMade, &made)
	c.do("PUT /views/{id}", "/views/"+made.ID, `{"name":"Found","query":"q=Berg"}`, models.ActViewChanged, nil)
	c.do("DELETE /views/{id}", "/views/"+made.ID, "", models.ActViewRemoved, nil)

	c.do("POST /webhook-endpoints", "/webhook-endpoints", hook, models.ActWebhookMade, &made)
	endpoint := "/webhook-endpoints/" + made.ID
	if e := c.do("PUT /webhook-endpoints/{id}", endpoint, strings.Replace(hook, "/hook", "/other", 1), models.ActWebhookChanged, nil); fmt.Sprint(e.Detail) != "map[url:map[from:https://example.com/hook to:https://example.com/other]]" {
		t.Errorf("%+v", e)
	}
	c.do("POST /webhook-endpoints/{id}/rotate-secret", endpoint+"/rotate-secret", "", models.ActWebhookSecretChanged, nil)
	var sent struct {
		MessageID string `json:"message_id"`
	}
	c.do("POST /webhook-endpoints/{id}/test", endpoint+"/test", "", models.ActWebhookTested, &sent)
	c.do("POST /webhook-messages/{id}/replay", "/webhook-messages/"+sent.MessageID+"/replay", "", models.ActWebhooksReplayed, nil)
	c.do("POST /webhook-endpoints/{id}/replay-failed", endpoint+"/replay-failed", `{"since":"2026-01-01T00:00:00Z"}`, models.ActWebhooksReplayed, nil)
	c.do("DELETE /webhook-endpoints/{id}", endpoint, "", models.ActWebhookRemoved, nil)

	c.do("POST /api-keys", "/api-keys", `{"name":"script","scopes":["orders:read"]}`, models.ActKeyMade, &made)
	c.do("DELETE /api-keys/{id}", "/api-keys/"+made.ID, "", models.ActKeyRevoked, nil)
	signed, err := c.shop.SignedInstance(c.shop.Info().InstanceID)
	if err != nil {
		t.Fatal(err)
	}
	c.do("POST /connections", "/connections", `{"platform":"wix","instance":"`+signed+`"}`, models.ActConnectionMade, nil)
	c.do("DELETE /connections/{id}", "/connections/"+string(c.store), "", models.ActConnectionRemoved, nil)

	for _, route := range apiRoutes(t) {
		if why := notEntered[route]; !strings.HasPrefix(route, "GET ") && enteredForPeople[route] == "" && c.seen[route] == (why != "") {
			t.Errorf("%s: done here %t, not entered because %q", route, c.seen[route], why)
		}
	}
	c.do("GET /orders/export", "/orders/export?q=Berg&tab=pending", "", models.ActExported, nil)
	if e := c.do("GET /audit/export", "/audit/export", "", models.ActExported, nil); e.Subject.Kind != "audit" {
		t.Errorf("%+v", e)
	}
	var report struct {
		Whole   bool
		Entries int64
		Head    string
	}
	c.read(http.MethodGet, "/audit/verify", "", http.StatusOK, &report)
	if last := c.newest(); !report.Whole || report.Entries != last.Seq || report.Head != last.Hash {
		t.Errorf("%+v, the last is %+v", report, last)
	}
	for _, e := range c.entries("limit=200") {
		if raw := fmt.Sprint(e); strings.Contains(raw, "Berg") || strings.Contains(raw, "wbk_") || strings.Contains(raw, "whsec_") {
			t.Errorf("what a person searched for or a key is in the audit: %s", raw)
		}
	}
}

// paid is an order of one piece that is to be bought.
func (c *changes) paid(name, variant string) models.ID {
	placed := time.Now().Add(-time.Hour)
	return c.receive(models.StoreOrder{
		ExternalID: name, Number: name, PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
		Recipient: models.Address{Country: "US"}, Payload: []byte("{}"), Lines: []models.StoreLine{{ID: "a", Name: "Lamp", VariantKey: variant, Quantity: 1, Shippable: true}},
	})
}

// mapAndBuy maps a variant and buys it, in all the ways and with all the changes of mind that there are.
func (c *changes) mapAndBuy() {
	c.Helper()
	var mapping struct{ ID string }
	info := c.market.Info()
	body := `"role":"dropship","supplier_product_id":"` + info.ProductID + `","supplier_sku_id":"` + info.SKUID + `"`
	c.do("POST /product-mappings", "/product-mappings", `{"store_id":"`+string(c.store)+`","variant_key":"lamp",`+body+`}`, models.ActMappingMade, &mapping)
	c.do("PUT /product-mappings/{id}", "/product-mappings/"+mapping.ID, `{`+body+`}`, models.ActMappingChanged, nil)
	order := c.paid("o2", "lamp")
	var planned struct {
		SupplierOrders []struct{ ID string } `json:"supplier_orders"`
	}
	c.do("POST /orders/{id}/supplier-orders", "/orders/"+string(order)+"/supplier-orders", `{"hold_until":"2099-01-01T00:00:00Z"}`, models.ActPlaced, &planned)
	so := "/supplier-orders/" + planned.SupplierOrders[0].ID
	c.do("POST /supplier-orders/{id}/hold", so+"/hold", `{"until":"2098-01-01T00:00:00Z"}`, models.ActPurchaseHeld, nil)
	c.do("POST /supplier-orders/{id}/place-now", so+"/place-now", "", models.ActPurchaseHurried, nil)
	c.do("POST /supplier-orders/{id}/withdraw", so+"/withdraw", "", models.ActPurchaseWithdrawn, nil)
	e := c.do("POST /supplier-orders/bulk", "/supplier-orders/bulk", `{"order_ids":["`+string(order)+`"],"reason":"all of them"}`, models.ActPlaced, nil)
	again, _ := e.Detail["supplier_order_ids"].([]any)
	if len(again) != 1 || e.Subject.ID != string(order) || e.Reason != "all of them" {
		c.Fatalf("%+v", e)
	}
	c.exec(`UPDATE supplier_orders SET state = 'unknown', unsure_since = now() - interval '1 hour', request = '{}' WHERE id = ?`, again[0])
	c.do("POST /supplier-orders/{id}/resolve", fmt.Sprintf("/supplier-orders/%s/resolve", again[0]), `{"outcome":"absent"}`, models.ActPlaceResolved, nil)
	c.do("DELETE /product-mappings/{id}", "/product-mappings/"+mapping.ID, "", models.ActMappingRemoved, nil)
}

// What is refused or fails leaves nothing, and who consents in a browser is who began it.
func TestOnlyWhatWasDoneIsEntered(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	before := d.entries("")
	d.refused(http.MethodPost, "/api-keys", `{"name":"first","scopes":["orders:read"]}`, http.StatusConflict, "key_name_taken")
	d.refused(http.MethodPost, "/settings/resume-placing", "", http.StatusConflict, "placing_not_stopped")
	d.refused(http.MethodDelete, "/views/"+noID, "", http.StatusNotFound, "view_not_found")
	if after := d.entries(""); len(after) != len(before) {
		t.Errorf("%+v", after)
	}
	consent, err := d.accounts.Begin(t.Context(), d.m, models.AliExpress, "http://localhost/callback", "api:who began")
	if err != nil {
		t.Fatal(err)
	}
	code, err := d.market.NewAuthCode("")
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.accounts.FinishInBrowser(t.Context(), models.AliExpress, accounts.Returned{State: consent.State.Reveal(), Browser: consent.Browser.Reveal(), Code: code})
	if err != nil {
		t.Fatal(err)
	}
	if e := d.entries("limit=1")[0]; e.Act != models.ActConnectionMade || e.Actor != "api:who began" || e.Subject.ID != string(c.ID) || e.Detail["again"] != true {
		t.Errorf("%+v", e)
	}
}

func TestTheAuditIsListedAndExported(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i := range 5 {
		err := d.db.Of(d.m).InTx(audit.In(context.Background(), models.Request{ID: "r", Client: "192.0.2.7"}), func(tx database.Tx) error {
			return audit.Append(tx, d.m, audit.Act{
				By: "api:=cmd()", What: models.ActHeld, Subject: models.AuditSubject{Kind: models.SubjectOrder, ID: models.ID(fmt.Sprint(i))}, Reason: "+1, \"ü\"\n", Detail: map[string]any{"b": "<x>", "a": 1},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := d.entries("act=held&subject=3"); len(got) != 1 || got[0].Seq != 5 || got[0].Client != "192.0.2.7" || got[0].Detail["b"] != "<x>" {
		t.Errorf("%+v", got)
	}
	var page struct {
		Entries    []json.RawMessage
		NextCursor string `json:"next_cursor"`
	}
	var listed []string
	for cursor := ""; ; {
		page.NextCursor = ""
		if d.read(http.MethodGet, "/audit?act=held&actor=api:%3Dcmd()&limit=2&cursor="+cursor, "", http.StatusOK, &page); page.NextCursor == "" {
			break
		}
		for _, e := range page.Entries {
			listed = append(listed, string(e))
		}
		cursor = page.NextCursor
	}
	for _, e := range page.Entries {
		listed = append(listed, string(e))
	}
	slices.Reverse(listed)

	export := func(query, accept string) (string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/audit/export"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.key)
		req.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", query, res.Status, err)
		}
		return string(raw), res.Header
	}
	lines, header := export("?act=held", "")
	if lines != strings.Join(listed, "\n")+"\n" || len(listed) != 5 || header.Get("Content-Type") != "application/x-ndjson" || !strings.HasSuffix(header.Get("Content-Disposition"), `.ndjson"`) {
		t.Errorf("%v\n%s\n%s", header, lines, strings.Join(listed, "\n"))
	}
	table, header := export("?act=held", "text/csv")
	if asked, _ := export("?act=held&format=csv", ""); asked != table || header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("%v\n%s", header, asked)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table, byteOrder))).ReadAll()
	if err != nil || len(rows) != 6 || rows[0][2] != "Actor" || rows[1][2] != "api:=cmd()" || rows[1][6] != "'+1, \"ü\"\n" {
		t.Errorf("%v %q", err, rows)
	}
	if none, _ := export("?act=released", ""); none != "" {
		t.Errorf("%s", none)
	}
	d.refused(http.MethodGet, "/audit?cursor=x", "", http.StatusUnprocessableEntity, "cursor_invalid")
	d.refused(http.MethodGet, "/audit/export?format=xml", "", http.StatusUnprocessableEntity, "query_invalid")
}

func TestABrokenChainIsTold(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.read(http.MethodPost, "/views", `{"name":"Late"}`, http.StatusCreated, nil)
	d.exec("UPDATE audit_entries SET actor = 'api:nobody' WHERE act = 'view_made'")
	var report struct {
		Whole    bool
		Entries  int64
		BrokenAt int64 `json:"broken_at"`
		Why      string
	}
	d.read(http.MethodGet, "/audit/verify", "", http.StatusOK, &report)
	if report.Whole || report.Entries != 1 || report.BrokenAt != 2 || report.Why == "" {
		t.Errorf("%+v", report)
	}
}
