package wixsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/services/wix/wixsim"
)

func TestTokensAreWalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	path := "/ecom/v1/orders/" + w.info.OrderID
	w.must(200, "Bearer "+w.token, "GET", path+"?id=x&unknown=1", nil, nil)
	w.must(401, "", "GET", path, nil, nil)
	w.must(401, "wrong", "GET", path, nil, nil)

	var site struct {
		InstanceID string `json:"instance_id"`
	}
	w.ctl("POST", "instances", map[string]any{}, &site)
	other := w.newToken(site.InstanceID)
	for _, call := range [][2]string{
		{"GET", path},
		{"GET", "/ecom/v1/fulfillments/orders/" + w.info.OrderID},
		{"POST", "/ecom/v1/fulfillments/orders/" + w.info.OrderID + "/create-fulfillment"},
		{"GET", "/ecom/v1/payments/orders/" + w.info.OrderID},
		{"POST", path + "/cancel"},
	} {
		w.must(404, other, call[0], call[1], `{"fulfillment":{}}`, nil)
	}

	w.sim.Advance(4 * time.Hour)
	w.must(401, w.token, "GET", path, nil, nil)
	w.must(200, w.newToken(w.info.InstanceID), "GET", path, nil, nil)
}

func TestTokenRequestsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	for name, c := range map[string]struct {
		change map[string]string
		status int
		code   string
	}{
		"wrong secret":     {map[string]string{"client_secret": "x"}, 401, "invalid_client"},
		"wrong app":        {map[string]string{"client_id": "x"}, 401, "invalid_client"},
		"unknown instance": {map[string]string{"instance_id": "x"}, 401, "invalid_client"},
		"no instance":      {map[string]string{"instance_id": ""}, 400, "invalid_request"},
		"other grant":      {map[string]string{"grant_type": "password"}, 400, "unsupported_grant_type"},
	} {
		body := w.credentials(w.info.InstanceID)
		for k, v := range c.change {
			body[k] = v
		}
		var got struct{ Error string }
		w.must(c.status, "", "POST", "/oauth2/token", body, &got)
		if got.Error != c.code {
			t.Errorf("%s: %s", name, got.Error)
		}
	}
}

func TestARemovedAppIsLockedOutUntilItIsInstalledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	w.ctl("POST", "instances/"+w.info.InstanceID+"/remove", nil, nil)
	w.api(401, "GET", "/ecom/v1/orders/"+w.info.OrderID, nil, nil)
	w.must(401, "", "POST", "/oauth2/token", w.credentials(w.info.InstanceID), nil)
	w.ctl("POST", "instances/"+w.info.InstanceID+"/install", nil, nil)
	w.token = w.newToken(w.info.InstanceID)
	w.api(200, "GET", "/apps/v1/instance", nil, nil)
}

func TestTheLegacyFlowGivesShortTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(w.url + "/installer/install?appId=" + w.info.AppID + "&state=s1&redirectUrl=" + url.QueryEscape("https://app.example.com/cb?x=1"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	back, err := res.Location()
	if err != nil || back.Query().Get("state") != "s1" || back.Query().Get("instanceId") != w.info.InstanceID || back.Query().Get("x") != "1" {
		t.Fatalf("%v %v", back, err)
	}
	ask := map[string]string{"grant_type": "authorization_code", "client_id": w.info.AppID, "client_secret": w.info.AppSecret, "code": back.Query().Get("code")}
	var tokens struct {
		Refresh string `json:"refresh_token"`
		Access  string `json:"access_token"`
	}
	w.must(200, "", "POST", "/oauth/access", ask, &tokens)
	w.must(400, "", "POST", "/oauth/access", ask, nil) // a code is good once
	w.must(200, tokens.Access, "GET", "/apps/v1/instance", nil, nil)
	w.sim.Advance(5 * time.Minute)
	w.must(401, tokens.Access, "GET", "/apps/v1/instance", nil, nil)
	ask["grant_type"], ask["refresh_token"] = "refresh_token", tokens.Refresh
	w.must(200, "", "POST", "/oauth/access", ask, &tokens)
	w.must(200, tokens.Access, "GET", "/apps/v1/instance", nil, nil)
}

func TestTheSignedInstanceIsSignedLikeTheFixture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	var known struct {
		Secret, Instance string
		Decoded          any
	}
	if err := json.Unmarshal(fixture(t, "signed-instance"), &known); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Instance string }
	w.ctl("GET", "instances/"+w.info.InstanceID+"/signed-instance", nil, &answer)
	for secret, value := range map[string]string{known.Secret: known.Instance, w.info.AppSecret: answer.Instance} {
		signature, data, _ := strings.Cut(value, ".")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(data))
		if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != signature {
			t.Errorf("%s is not signed with %s", value, secret)
		}
	}
	_, data, _ := strings.Cut(answer.Instance, ".")
	raw, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing("$", known.Decoded, tree(t, raw)) {
		t.Error(m)
	}
	var info struct {
		Active     bool
		InstanceID string `json:"instanceId"`
	}
	w.must(200, "", "POST", "/oauth2/token-info", map[string]string{"token": answer.Instance}, &info)
	if !info.Active || info.InstanceID != w.info.InstanceID {
		t.Errorf("got %+v", info)
	}
	w.must(200, "", "POST", "/oauth2/token-info", map[string]string{"token": answer.Instance + "x"}, &info)
	if info.Active {
		t.Error("a broken signature is active")
	}
}

func TestTheRateLimitIsPerInstanceAndMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{RateLimit: 3})
	other := w.newToken(w.sim.CreateInstance())
	for range 3 {
		w.api(200, "GET", "/apps/v1/instance", nil, nil)
	}
	w.api(429, "GET", "/apps/v1/instance", nil, nil)
	w.must(200, other, "GET", "/apps/v1/instance", nil, nil)
	w.sim.Advance(time.Minute)
	w.api(200, "GET", "/apps/v1/instance", nil, nil)
}

type found struct {
	Orders   []wixsim.Order
	Metadata struct {
		Count   int
		HasNext bool
		Cursors struct{ Next, Prev string }
	}
}

func (f found) numbers() []string {
	list := []string{}
	for _, o := range f.Orders {
		list = append(list, o.Number)
	}
	return list
}

func (w *world) search(body string) found {
	w.t.Helper()
	var f found
	w.api(200, "POST", "/ecom/v1/orders/search", body, &f)
	return f
}

func TestSearchFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{}) // 10002 is the sample order
	w.order(wixsim.NewOrder{Payment: "authorized", Buyer: wixsim.NewBuyer{Email: "anna@example.com"}})
	w.order(wixsim.NewOrder{Payment: "pending", Lines: []wixsim.NewLine{{Name: "Mug", CatalogItemID: "mug", Price: "5"}}})
	w.order(wixsim.NewOrder{Payment: "offline", Shipping: "0", Lines: []wixsim.NewLine{{Name: "Cap", CatalogItemID: "cap", Price: "100.5"}}})
	if _, err := w.sim.SetStatus(w.order(wixsim.NewOrder{}).ID, "INITIALIZED", ""); err != nil { // 10006 is never listed
		t.Fatal(err)
	}
	all := []string{"10002", "10003", "10004", "10005"}
	for filter, want := range map[string][]string{
		`{}`:                            all,
		`{"status":"APPROVED"}`:         {"10002", "10003", "10005"},
		`{"status":{"$ne":"APPROVED"}}`: {"10004"},
		`{"status":{"$eq":"APPROVED"},"paymentStatus":{"$in":["NOT_PAID"]}}`: {"10003", "10005"},
		`{"status":"INITIALIZED"}`:                                                        {},
		`{"paymentStatus":{"$nin":["NOT_PAID","PENDING"]}}`:                               {"10002"},
		`{"number":10003}`:                                                                {"10003"},
		`{"number":{"$gte":"10004"}}`:                                                     {"10004", "10005"},
		`{"number":{"$startsWith":"1000"}}`:                                               all,
		`{"balanceSummary.authorized.amount":{"$gt":"0"}}`:                                {"10003"},
		`{"priceSummary.total.amount":{"$lt":78}}`:                                        {"10002", "10004"},
		`{"priceSummary.total.amount":{"$eq":"100.50"}}`:                                  {"10005"},
		`{"buyerInfo.email":{"$startsWith":"anna"}}`:                                      {"10003"},
		`{"lineItems.catalogReference.catalogItemId":{"$hasSome":["mug","cap"]}}`:         {"10004", "10005"},
		`{"lineItems.productName.original":{"$hasAll":["Wireless Earbuds","Desk Lamp"]}}`: {"10002", "10003"},
		`{"archived":false}`:                                                              all,
		`{"archived":{"$eq":true}}`:                                                       {},
		`{"businessLocation.id":{"$exists":true}}`:                                        {},
		`{"appliedDiscounts.coupon.id":{"$isEmpty":false}}`:                               {"10002"},
		`{"updatedDate":{"$gte":"2000-01-01T00:00:00Z"}}`:                                 all,
		`{"updatedDate":{"$lt":"2000-01-01T00:00:00Z"}}`:                                  {},
		`{"$or":[{"number":"10002"},{"number":"10005"}]}`:                                 {"10002", "10005"},
		`{"$and":[{"number":{"$gt":"10002"}},{"number":{"$lte":"10003"}}]}`:               {"10003"},
		`{"$not":{"status":"APPROVED"}}`:                                                  {"10004"},
	} {
		got := w.search(`{"search":{"filter":` + filter + `,"sort":[{"fieldName":"number","order":"ASC"}]}}`)
		if !slices.Equal(got.numbers(), want) || got.Metadata.Count != len(want) || got.Metadata.HasNext {
			t.Errorf("%s: %v, want %v", filter, got.numbers(), want)
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	w.order(wixsim.NewOrder{})
	next := w.search(`{"search":{"cursorPaging":{"limit":1}}}`)
	for name, body := range map[string]string{
		"a limit above 100":       `{"search":{"cursorPaging":{"limit":101}}}`,
		"an unknown field":        `{"search":{"filter":{"nope":1}}}`,
		"an unknown operator":     `{"search":{"filter":{"number":{"$like":"1"}}}}`,
		"order of words":          `{"search":{"filter":{"status":{"$gt":"A"}}}}`,
		"a time that is none":     `{"search":{"filter":{"updatedDate":{"$gt":"yesterday"}}}}`,
		"an unsortable field":     `{"search":{"sort":[{"fieldName":"archived"}]}}`,
		"five sorts":              `{"search":{"sort":[{"fieldName":"number"},{"fieldName":"number"},{"fieldName":"number"},{"fieldName":"number"},{"fieldName":"number"}]}}`,
		"a forged cursor":         `{"search":{"cursorPaging":{"cursor":"c2ltdWxhdGVkLWN1cnNvcg"}}}`,
		"a filter with a cursor":  fmt.Sprintf(`{"search":{"filter":{"number":"1"},"cursorPaging":{"cursor":%q}}}`, next.Metadata.Cursors.Next),
		"a body that is not JSON": `{`,
	} {
		if res, raw, err := w.do(w.token, "POST", "/ecom/v1/orders/search", body); err != nil || res.StatusCode != 400 {
			t.Errorf("%s: %v %s", name, err, raw)
		}
	}
}

func TestSearchPagesHoldFilterAndSort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	for range 6 { // 10003 to 10008
		w.order(wixsim.NewOrder{Payment: "authorized"})
	}
	page := w.search(`{"search":{"filter":{"paymentStatus":"NOT_PAID"},"sort":[{"fieldName":"paymentStatus"},{"fieldName":"number","order":"DESC"}],"cursorPaging":{"limit":4}}}`)
	if !slices.Equal(page.numbers(), []string{"10008", "10007", "10006", "10005"}) || !page.Metadata.HasNext || page.Metadata.Cursors.Prev != "" {
		t.Fatalf("first page: %v %+v", page.numbers(), page.Metadata)
	}
	// A row that leaves the result does not shift the pages that follow.
	if _, err := w.sim.PayOrder(page.Orders[0].ID); err != nil {
		t.Fatal(err)
	}
	turn := func(cursor string) found {
		return w.search(fmt.Sprintf(`{"search":{"cursorPaging":{"limit":4,"cursor":%q}}}`, cursor))
	}
	last := turn(page.Metadata.Cursors.Next)
	if !slices.Equal(last.numbers(), []string{"10004", "10003"}) || last.Metadata.HasNext || last.Metadata.Cursors.Next != "" {
		t.Fatalf("last page: %v %+v", last.numbers(), last.Metadata)
	}
	if back := turn(last.Metadata.Cursors.Prev); !slices.Equal(back.numbers(), []string{"10007", "10006", "10005"}) {
		t.Fatalf("back: %v", back.numbers())
	}
	if newest := w.search(`{}`); newest.Orders[len(newest.Orders)-1].Number != "10002" {
		t.Errorf("by default the newest comes first: %v", newest.numbers())
	}
}

func TestSearchLagsBehindWhenToldTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	w.ctl("POST", "index-lag", map[string]int{"seconds": 60}, nil)
	o := w.order(wixsim.NewOrder{})
	if got := w.search(`{}`); len(got.Orders) != 1 {
		t.Fatalf("the new order is seen too early: %v", got.numbers())
	}
	if w.get(o.ID).ID != o.ID {
		t.Fatal("a get sees it at once")
	}
	w.ctl("POST", "clock/advance", map[string]int{"seconds": 61}, nil)
	if got := w.search(`{}`); len(got.Orders) != 2 {
		t.Fatalf("the new order is not seen: %v", got.numbers())
	}
}

const (
	line1 = "00000000-0000-0000-0000-000000000001" // 2 units in the sample order
	line2 = "00000000-0000-0000-0000-000000000002" // 1 unit
)

type shipped struct {
	With wixsim.OrderFulfillments `json:"orderWithFulfillments"`
	ID   string                   `json:"fulfillmentId"`
}

func (w *world) ship(status int, order, fulfillment string) shipped {
	w.t.Helper()
	var s shipped
	w.api(status, "POST", "/ecom/v1/fulfillments/orders/"+order+"/create-fulfillment", `{"fulfillment":`+fulfillment+`}`, &s)
	return s
}

func units(id string, n int) string {
	return fmt.Sprintf(`{"lineItems":[{"id":%q,"quantity":%d}]}`, id, n)
}

func rest(id string) string { return fmt.Sprintf(`{"lineItems":[{"id":%q}]}`, id) }

func TestFulfillmentArithmetic(t *testing.T) {
	t.Parallel()
	type step struct {
		body   string
		status int
	}
	for name, c := range map[string]struct {
		steps []step
		after string
	}{
		"nothing":                   {nil, "NOT_FULFILLED"},
		"a part":                    {[]step{{units(line1, 1), 200}}, "PARTIALLY_FULFILLED"},
		"a line, the other is open": {[]step{{units(line1, 2), 200}}, "PARTIALLY_FULFILLED"},
		"unit by unit":              {[]step{{units(line1, 1), 200}, {units(line1, 1), 200}, {units(line2, 1), 200}}, "FULFILLED"},
		"the rest":                  {[]step{{units(line1, 1), 200}, {rest(line1), 200}, {rest(line2), 200}}, "FULFILLED"},
		"too much":                  {[]step{{units(line1, 3), 400}}, "NOT_FULFILLED"},
		"too much in two":           {[]step{{units(line1, 2), 200}, {units(line1, 1), 400}}, "PARTIALLY_FULFILLED"},
		"the rest of nothing":       {[]step{{rest(line2), 200}, {rest(line2), 400}}, "PARTIALLY_FULFILLED"},
		"a line twice":              {[]step{{`{"lineItems":[{"id":"` + line1 + `","quantity":1},{"id":"` + line1 + `","quantity":2}]}`, 400}}, "NOT_FULFILLED"},
		"zero":                      {[]step{{units(line1, 0), 400}}, "NOT_FULFILLED"},
		"an unknown line":           {[]step{{units("nope", 1), 400}}, "NOT_FULFILLED"},
		"no line":                   {[]step{{`{"lineItems":[]}`, 400}}, "NOT_FULFILLED"},
		"an unknown status":         {[]step{{`{"lineItems":[{"id":"` + line2 + `"}],"status":"Shipped"}`, 400}}, "NOT_FULFILLED"},
		"a known status":            {[]step{{`{"lineItems":[{"id":"` + line2 + `"}],"status":"In_Delivery"}`, 200}}, "PARTIALLY_FULFILLED"},
		"a link that is none":       {[]step{{`{"lineItems":[{"id":"` + line2 + `"}],"trackingInfo":{"trackingLink":"x"}}`, 400}}, "NOT_FULFILLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wixsim.Options{})
			before := w.get(w.info.OrderID).UpdatedDate
			for _, s := range c.steps {
				w.ship(s.status, w.info.OrderID, s.body)
				now := w.get(w.info.OrderID).UpdatedDate
				if (s.status == 200) != (now > before) {
					t.Errorf("updatedDate went from %s to %s", before, now)
				}
				before = now
			}
			if got := w.get(w.info.OrderID).FulfillmentStatus; got != c.after {
				t.Errorf("the order is %s, want %s", got, c.after)
			}
		})
	}
}

func TestOnlyAnApprovedOrderIsFulfilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	o := w.order(wixsim.NewOrder{Payment: "pending"})
	w.ship(428, o.ID, rest(line1))
	w.ship(404, "58c9a790-27b7-463f-a865-c7cb494f7c29", rest(line1))
}

func TestProvidersGetTheirLinks(t *testing.T) {
	t.Parallel()
	for provider, link := range map[string]string{
		"fedex": "https://www.fedex.com/apps/fedextrack/?action=track&trackingnumber=N1",
		"ups":   "https://wwwapps.ups.com/WebTracking/track?track=yes&trackNums=N1",
		"usps":  "https://tools.usps.com/go/TrackConfirmAction.action?tLabels=N1",
		"dhl":   "https://www.logistics.dhl/global-en/home/tracking.html?tracking-id=N1",
		"UPS":   "", "canadaPost": "", "Cainiao": "",
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wixsim.Options{})
			got := w.ship(200, w.info.OrderID, `{"lineItems":[{"id":"`+line1+`"}],"trackingInfo":{"trackingNumber":"N1","shippingProvider":"`+provider+`"}}`)
			if got.With.Fulfillments[0].TrackingInfo.TrackingLink != link {
				t.Errorf("got %q", got.With.Fulfillments[0].TrackingInfo.TrackingLink)
			}
		})
	}
}

func TestFulfillmentsAreCorrectedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	first := w.ship(200, w.info.OrderID, `{"lineItems":[{"id":"`+line1+`"}],"trackingInfo":{"trackingNumber":"N1","shippingProvider":"ups"}}`)
	second := w.ship(200, w.info.OrderID, `{"lineItems":[{"id":"`+line2+`"}],"trackingInfo":{"trackingNumber":"N2","shippingProvider":"Cainiao","trackingLink":"https://c.example/N2"}}`)
	at := "/ecom/v1/fulfillments/" + first.ID + "/orders/" + w.info.OrderID
	patch := func(status int, fulfillment string) *wixsim.TrackingInfo {
		t.Helper()
		var got shipped
		w.api(status, "PATCH", at, `{"orderId":"x","fieldMask":"y","fulfillment":`+fulfillment+`}`, &got)
		if status != 200 {
			return nil
		}
		return got.With.Fulfillments[0].TrackingInfo
	}
	patch(409, `{"trackingInfo":{"trackingNumber":"N2"}}`)
	if got := patch(200, `{"id":"`+first.ID+`","trackingInfo":{"trackingNumber":"N3"}}`); got.ShippingProvider != "ups" || !strings.HasSuffix(got.TrackingLink, "trackNums=N3") {
		t.Errorf("merged into %+v", got)
	}
	if got := patch(200, `{"trackingInfo":{"shippingProvider":null}}`); got.ShippingProvider != "" || got.TrackingNumber != "N3" {
		t.Errorf("cleared into %+v", got)
	}
	if got := patch(200, `{"trackingInfo":null}`); got != nil {
		t.Errorf("cleared into %+v", got)
	}
	patch(400, `{"status":"Lost"}`)
	patch(400, `{"lineItems":[{"id":"`+line1+`","quantity":1}]}`)
	patch(200, `{"lineItems":[{"id":"`+line1+`","quantity":2}],"status":"Ready"}`)

	gone := "/ecom/v1/fulfillments/" + second.ID + "/orders/" + w.info.OrderID
	w.api(200, "DELETE", gone, nil, nil)
	w.api(404, "DELETE", gone, nil, nil)
	if got := w.get(w.info.OrderID).FulfillmentStatus; got != "PARTIALLY_FULFILLED" {
		t.Errorf("the order is %s", got)
	}
	w.api(200, "DELETE", at, nil, nil)
	if got := w.get(w.info.OrderID).FulfillmentStatus; got != "NOT_FULFILLED" {
		t.Errorf("the order is %s", got)
	}
}

func TestATrackingNumberIsKnownOncePerOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	body := `{"lineItems":[{"id":"` + line1 + `","quantity":1}],"trackingInfo":{"trackingNumber":"N1"}}`
	w.ship(200, w.info.OrderID, body)
	w.ship(409, w.info.OrderID, body)
	w.ship(200, w.order(wixsim.NewOrder{}).ID, body) // another order may share the parcel
	if n := count(w.sim.Journal(), wixsim.KindFulfillmentCreated, w.info.OrderID); n != 1 {
		t.Errorf("%d fulfillments were made", n)
	}
}

func TestOrdersAreChangedThroughThePlatform(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	path := "/ecom/v1/orders/" + w.info.OrderID
	w.api(200, "PATCH", path, `{"order":{"id":"x","archived":true,"status":"CANCELED","buyerInfo":{"email":"new@example.com","contactId":"x"}}}`, nil)
	got := w.get(w.info.OrderID)
	if !got.Archived || got.Status != "APPROVED" || got.BuyerInfo.Email != "new@example.com" || got.BuyerInfo.ContactID == "x" {
		t.Errorf("got %+v", got.BuyerInfo)
	}
	w.api(428, "POST", path+"/update-status", `{"status":"APPROVED"}`, nil)
	w.api(428, "POST", path+"/update-status", `{"status":"PENDING"}`, nil)
	w.api(400, "POST", path+"/update-status", `{"status":"LOST"}`, nil)
	w.api(200, "POST", path+"/cancel", `{"restockAllItems":true}`, nil)
	w.api(428, "POST", path+"/cancel", `{}`, nil)

	pending := w.order(wixsim.NewOrder{Payment: "pending"})
	w.api(428, "PATCH", "/ecom/v1/orders/"+pending.ID, `{"order":{"archived":true}}`, nil)
	w.api(428, "POST", "/ecom/v1/orders/"+pending.ID+"/cancel", `{}`, nil)

	var made struct{ Order wixsim.Order }
	w.api(200, "POST", "/ecom/v1/orders", `{"order":{"lineItems":[{"productName":{"original":"A"},"quantity":3,"price":{"amount":"1.10"}}],"channelInfo":{"type":"EBAY"}}}`, &made)
	if made.Order.PriceSummary.Total.Amount != "3.30" || made.Order.ChannelInfo.Type != "EBAY" || w.get(made.Order.ID).Number == "" {
		t.Errorf("made %+v", made.Order)
	}
}

func TestTheLifeOfACapture(t *testing.T) {
	t.Parallel()
	hooks := newSink(t)
	w := newWorld(t, wixsim.Options{WebhookURL: hooks.URL})
	o := w.order(wixsim.NewOrder{Payment: "authorized"})
	if o.Status != "APPROVED" || o.PaymentStatus != "NOT_PAID" || o.BalanceSummary.Authorized != o.PriceSummary.Total {
		t.Fatalf("authorized: %s %s %+v", o.Status, o.PaymentStatus, o.BalanceSummary)
	}
	var money struct {
		Of wixsim.OrderTransactions `json:"orderTransactions"`
	}
	w.api(200, "GET", "/ecom/v1/payments/orders/"+o.ID, nil, &money)
	id := money.Of.Payments[0].ID
	w.api(428, "POST", "/ecom/v1/orders/"+o.ID+"/cancel", `{}`, nil)
	capture := "/ecom/v1/order-billing/capture-authorized-payments"
	w.api(400, "POST", capture, fmt.Sprintf(`{"orderId":%q,"payments":[{"paymentId":%q,"amount":{"amount":"1.00"}}]}`, o.ID, id), nil)
	w.api(404, "POST", capture, fmt.Sprintf(`{"orderId":%q,"payments":[{"paymentId":"x"}]}`, o.ID), nil)
	body := fmt.Sprintf(`{"orderId":%q,"payments":[{"paymentId":%q}]}`, o.ID, id)
	w.api(200, "POST", capture, body, &money)
	if p := money.Of.Payments[0]; p.Status != "AUTHORIZED" || p.RegularPaymentDetails.AuthorizationDetails.Captures[0].Status != "PENDING" {
		t.Errorf("capture started: %+v", p)
	}
	w.api(428, "POST", capture, body, nil)
	w.sim.Advance(time.Minute)
	eventually(t, "the order is paid", func() bool { return w.get(o.ID).PaymentStatus == "PAID" })
	w.api(200, "GET", "/ecom/v1/payments/orders/"+o.ID, nil, &money)
	if p := money.Of.Payments[0]; p.Status != "APPROVED" || p.RegularPaymentDetails.AuthorizationDetails.Captures[0].Status != "SUCCEEDED" {
		t.Errorf("captured: %+v", p)
	}
	if b := w.get(o.ID).BalanceSummary; b.Balance.Amount != "0" || b.Authorized.Amount != "0" || b.Paid != o.PriceSummary.Total {
		t.Errorf("balance: %+v", b)
	}
	w.api(428, "POST", capture, body, nil)
	eventually(t, "the payment status is told", func() bool {
		for _, got := range hooks.all() {
			e := open(t, w, got.body)
			if e.eventType == "wix.ecom.v1.order_payment_status_updated" {
				return e.event.ActionEvent.Body.PreviousPaymentStatus == "NOT_PAID" && e.event.ActionEvent.Body.Order.PaymentStatus == "PAID"
			}
		}
		return false
	})
}

func TestAVoidedAuthorizationLetsTheOrderBeCanceled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	o := w.order(wixsim.NewOrder{Payment: "authorized"})
	var money struct {
		Of wixsim.OrderTransactions `json:"orderTransactions"`
	}
	w.api(200, "GET", "/ecom/v1/payments/orders/"+o.ID, nil, &money)
	w.api(200, "POST", "/ecom/v1/order-billing/void-authorized-payments", map[string]any{"orderId": o.ID, "paymentIds": []string{money.Of.Payments[0].ID}}, &money)
	if money.Of.Payments[0].Status != "VOIDED" {
		t.Errorf("got %+v", money.Of.Payments[0])
	}
	w.api(200, "POST", "/ecom/v1/orders/"+o.ID+"/cancel", `{}`, nil)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	path := "/ecom/v1/orders/" + w.info.OrderID
	for how, status := range map[string]int{"status_500": 500, "status_503": 503, "status_429": 429, "status_401": 401, "status_403": 403, "html_502": 502} {
		w.ctl("POST", "faults", wixsim.Fault{Op: "*", How: how, Times: 2}, nil)
		for range 2 {
			if res, _, err := w.do(w.token, "GET", path, nil); err != nil || res.StatusCode != status {
				t.Errorf("%s: %v %v", how, res, err)
			}
		}
		w.api(200, "GET", path, nil, nil)
	}
	w.ctl("POST", "faults", wixsim.Fault{Op: "get_order", How: "slow", DelayMS: 1}, nil)
	w.api(200, "GET", path, nil, nil)
	for _, how := range []string{"reset_before", "truncated"} {
		w.ctl("POST", "faults", wixsim.Fault{Op: "get_order", How: how}, nil)
		if _, raw, err := w.do(w.token, "GET", path, nil); err == nil {
			t.Errorf("%s answered %s", how, raw)
		}
	}
	w.ctl("POST", "faults", wixsim.Fault{Op: "get_order", How: "status_500", Seconds: 30}, nil)
	w.api(500, "GET", path, nil, nil)
	w.api(500, "GET", path, nil, nil)
	w.sim.Advance(time.Minute)
	w.api(200, "GET", path, nil, nil)
	w.ctl("POST", "faults", wixsim.Fault{Op: "*", How: "status_500", Times: 9}, nil)
	w.ctl("POST", "faults/clear", map[string]any{}, nil)
	w.api(200, "GET", path, nil, nil)
	w.must(400, "", "POST", "/_sim/faults", wixsim.Fault{Op: "nope", How: "hang"}, nil)
	w.must(400, "", "POST", "/_sim/faults", `{"op":"*","how":"hang","often":1}`, nil)
}

func TestAnAnswerThatNeverCameWasCommittedAllTheSame(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"reset_after", "truncated", "reset_before", "hang_after", "hang"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wixsim.Options{})
			if err := w.sim.Fail(wixsim.Fault{Op: "create_fulfillment", How: how}); err != nil {
				t.Fatal(err)
			}
			client := http.Client{Timeout: 300 * time.Millisecond}
			req, _ := http.NewRequest("POST", w.url+"/ecom/v1/fulfillments/orders/"+w.info.OrderID+"/create-fulfillment", strings.NewReader(`{"fulfillment":`+rest(line1)+`}`))
			req.Header.Set("Authorization", w.token)
			if res, err := client.Do(req); err == nil {
				var got any
				if err := json.NewDecoder(res.Body).Decode(&got); err == nil {
					t.Error("the client got its answer")
				}
				res.Body.Close()
			}
			want := 1
			if how == "reset_before" || how == "hang" {
				want = 0
			}
			var list shipped
			w.api(200, "GET", "/ecom/v1/fulfillments/orders/"+w.info.OrderID, nil, &list)
			if len(list.With.Fulfillments) != want || count(w.sim.Journal(), wixsim.KindFulfillmentCreated, "") != want {
				t.Errorf("%d fulfillments, want %d", len(list.With.Fulfillments), want)
			}
		})
	}
}

func TestBarriers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how, then string // what ends it: released, cut
		waiting   int    // fulfillments while it is held
		made      int
		answered  bool
	}{
		"before, released": {"barrier_before", "released", 0, 1, true},
		"before, cut":      {"barrier_before", "cut", 0, 0, false},
		"after, released":  {"barrier_after", "released", 1, 1, true},
		"after, cut":       {"barrier_after", "cut", 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wixsim.Options{})
			held, free := w.order(wixsim.NewOrder{}), w.order(wixsim.NewOrder{})
			ship := func(o wixsim.Order) string { return "/ecom/v1/fulfillments/orders/" + o.ID + "/create-fulfillment" }
			body := func(o wixsim.Order) string {
				return `{"fulfillment":{"lineItems":[{"id":"` + o.LineItems[0].ID + `","quantity":1}]}}`
			}
			w.ctl("POST", "faults", wixsim.Fault{Op: "create_fulfillment", How: c.how, OrderID: held.ID}, nil)
			w.api(200, "POST", ship(free), body(free), nil)
			answered := make(chan bool, 1)
			go func() {
				_, _, err := w.do(w.token, "POST", ship(held), body(held))
				answered <- err == nil
			}()
			eventually(t, "the call waits", func() bool { return len(w.sim.Barriers()) == 1 })
			if b := w.sim.Barriers()[0]; b.Op != "create_fulfillment" || b.OrderID != held.ID || b.Committed != (c.waiting == 1) {
				t.Errorf("the barrier is %+v", b)
			}
			if n := count(w.sim.Journal(), wixsim.KindFulfillmentCreated, held.ID); n != c.waiting {
				t.Errorf("%d fulfillments while it waits", n)
			}
			w.ctl("POST", "barriers/release", map[string]string{"order_id": free.ID}, nil)
			if c.then == "cut" {
				w.ctl("POST", "barriers/cut", nil, nil)
			} else {
				w.ctl("POST", "barriers/release", map[string]string{"order_id": held.ID}, nil)
			}
			if <-answered != c.answered {
				t.Error("the answer came: ", !c.answered)
			}
			eventually(t, "nobody waits", func() bool { return len(w.sim.Barriers()) == 0 })
			if n := count(w.sim.Journal(), wixsim.KindFulfillmentCreated, held.ID); n != c.made {
				t.Errorf("%d fulfillments were made", n)
			}
			if n := count(w.sim.Journal(), wixsim.KindFault, held.ID); n != 1 {
				t.Errorf("%d faults are journaled", n)
			}
		})
	}
}
