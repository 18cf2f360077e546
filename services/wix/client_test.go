package wix_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
)

var parcel = models.Fulfillment{
	ID: parcelID, Number: "LP00612345678901", Carrier: "Cainiao",
	Lines: []models.FulfillmentLine{{LineID: line1, Quantity: 2}},
}

// readsError sends an error fixture as the answer to reading an order.
func readsError(t *testing.T, name string, data []byte) {
	want, ok := map[string]struct {
		kind   models.Kind
		code   string
		detail string
	}{
		"error-order-not-found-404.json":        {models.NotFound, "wix_order_not_found", "Order with the given id was not found."},
		"error-tracking-number-exists-409.json": {models.Conflict, "wix_tracking_number_already_exists", "Tracking number already exists."},
		"error-validation-400.json":             {models.Rejected, "wix_validation", "fulfillment.lineItems[0].quantity must be greater than or equal to 1."},
		"error-rate-limited-429.json":           {models.Throttled, "wix_rate_limited", "Wix takes no more calls for this store at present; it is tried again in 10s."},
		"error-permission-denied-403.json":      {models.Forbidden, "wix_permission_missing", "Wix does not let Waybill change orders in this store: a permission is missing. Connect the store again and grant what is asked for."},
	}[name]
	if !ok {
		t.Fatal("no expectation for this error")
	}
	status, err := strconv.Atoi(strings.TrimSuffix(name[strings.LastIndex(name, "-")+1:], ".json"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStub(t, reply{status: status, body: string(data)})
	_, err = newClient(t, s.URL).Fulfill(t.Context(), access, orderID, parcel)
	e := wantError(t, err, want.kind, want.code)
	if e.Detail != want.detail {
		t.Errorf("detail is %q", e.Detail)
	}
	if e.Err == nil || !strings.Contains(e.Err.Error(), "1773480081.4711") {
		t.Errorf("cause %v lacks the request id", e.Err)
	}
}

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	app := func(code, description string) string {
		return `{"message":"m","details":{"applicationError":{"code":"` + code + `","description":"` + description + `","data":{}}}}`
	}
	html := map[string]string{"Content-Type": "text/html"}
	for name, tt := range map[string]struct {
		reply
		kind   models.Kind
		code   string
		detail string
		after  time.Duration
	}{
		"400 without words":    {reply: reply{status: 400, body: `{"message":"","details":{}}`}, kind: models.Rejected, code: "wix_validation"},
		"400 application":      {reply: reply{status: 400, body: app("QuantityTooLarge", "quantity is too large")}, kind: models.Rejected, code: "wix_quantity_too_large", detail: "quantity is too large."},
		"400 odd details":      {reply: reply{status: 400, body: `{"details":"none"}`}, kind: models.Rejected, code: "wix_validation"},
		"400 with a link":      {reply: reply{status: 400, body: app("BAD_LINK", `see https://x.example/?token=1 or OauthNG.JWS.abc\nnow!`)}, kind: models.Rejected, code: "wix_bad_link", detail: "see (left out) or (left out) now!"},
		"404 empty":            {reply: reply{status: 404}, kind: models.NotFound, code: "wix_not_found"},
		"404 of a proxy":       {reply: reply{status: 404, body: "<html>gone</html>"}, kind: models.Unavailable, code: "wix_unavailable"},
		"403 of a proxy":       {reply: reply{status: 403, body: "nope", header: html}, kind: models.Unavailable, code: "wix_unavailable"},
		"401 of a proxy":       {reply: reply{status: 401, body: "<html>", header: html}, kind: models.Unavailable, code: "wix_unavailable"},
		"403 with a code":      {reply: reply{status: 403, body: app("ORDER_NOT_FOUND", "x")}, kind: models.Disconnected, code: "wix_permission_missing"},
		"409 empty":            {reply: reply{status: 409, body: `{}`}, kind: models.Conflict, code: "wix_conflict"},
		"428":                  {reply: reply{status: 428, body: app("ORDER_NOT_APPROVED", "The order is not approved")}, kind: models.Conflict, code: "wix_order_not_approved", detail: "The order is not approved."},
		"422":                  {reply: reply{status: 422, body: app("ODD", "")}, kind: models.Rejected, code: "wix_odd"},
		"418":                  {reply: reply{status: 418, body: `{}`}, kind: models.Rejected, code: "wix_refused"},
		"429 in seconds":       {reply: reply{status: 429, header: map[string]string{"Retry-After": "37"}}, kind: models.Throttled, code: "wix_rate_limited", after: 37 * time.Second},
		"429 in HTML":          {reply: reply{status: 429, body: "<html>", header: html}, kind: models.Throttled, code: "wix_rate_limited", after: 10 * time.Second},
		"429 with nonsense":    {reply: reply{status: 429, header: map[string]string{"Retry-After": "soon"}}, kind: models.Throttled, code: "wix_rate_limited", after: 10 * time.Second},
		"429 for a day":        {reply: reply{status: 429, header: map[string]string{"Retry-After": "86400"}}, kind: models.Throttled, code: "wix_rate_limited", after: time.Hour},
		"429 until a date":     {reply: reply{status: 429, header: map[string]string{"Retry-After": "Sat, 14 Mar 2026 09:00:20 GMT"}}, kind: models.Throttled, code: "wix_rate_limited", after: 20 * time.Second},
		"500":                  {reply: reply{status: 500, body: `{"message":"","details":{}}`}, kind: models.Unavailable, code: "wix_unavailable"},
		"503 with Retry-After": {reply: reply{status: 503, header: map[string]string{"Retry-After": "5"}}, kind: models.Unavailable, code: "wix_unavailable", after: 5 * time.Second},
		"redirect":             {reply: reply{status: 302, header: map[string]string{"Location": "https://elsewhere.example/"}}, kind: models.Unavailable, code: "wix_unavailable"},
		"201":                  {reply: reply{status: 201, body: `{}`}, kind: models.Unavailable, code: "wix_unavailable"},
		"200 in HTML":          {reply: reply{body: "<html>captive portal</html>", header: html}, kind: models.Unavailable, code: "wix_undecodable"},
		"200 empty":            {reply: reply{}, kind: models.Unavailable, code: "wix_undecodable"},
		"200 of nothing":       {reply: reply{body: `{}`}, kind: models.Unavailable, code: "wix_undecodable"},
		"200 cut short":        {reply: reply{body: `{"orderWithFulfillments":{"order`}, kind: models.Unavailable, code: "wix_undecodable"},
		"200 of another order": {reply: reply{body: `{"orderWithFulfillments":{"orderId":"other","fulfillments":[]}}`}, kind: models.Unavailable, code: "wix_undecodable"},
		"200 of another type":  {reply: reply{body: `{"orderWithFulfillments":{"fulfillments":"many"}}`}, kind: models.Unavailable, code: "wix_undecodable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, tt.reply)
			_, err := newClient(t, s.URL, at("2026-03-14T09:00:00Z")).Fulfillments(t.Context(), access, orderID)
			e := models.AsError(err)
			if err == nil || e.Kind != tt.kind || e.Code != tt.code || e.RetryAfter != tt.after {
				t.Fatalf("got %v after %v, want %s %s after %v", err, e.RetryAfter, tt.kind, tt.code, tt.after)
			}
			if tt.detail != "" && e.Detail != tt.detail {
				t.Errorf("detail is %q", e.Detail)
			}
			if e.Detail == "" || !strings.Contains(e.Err.Error(), "1773480081.4711") {
				t.Errorf("no detail, or no request id in %v", e.Err)
			}
			if strings.Contains(err.Error(), "http") {
				t.Errorf("a URL shows in %v", err)
			}
		})
	}
}

func TestTransportFailureIsUnavailable(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := newClient(t, s.URL).Order(t.Context(), access, orderID)
	if e := models.AsError(err); e.Kind != models.Unavailable || strings.Contains(err.Error(), "/ecom") {
		t.Errorf("got %v", err)
	}
}

func TestThrottledStoreIsLeftAloneAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s := newStub(t, reply{status: 429}, reply{body: string(fixture(t, "list-fulfillments-response.json"))})
	c := newClient(t, s.URL)
	for range 2 {
		_, err := c.Fulfillments(t.Context(), access, orderID)
		if e := models.AsError(err); e.Kind != models.Throttled || e.RetryAfter <= 0 {
			t.Fatalf("got %v", err)
		}
	}
	if _, calls := s.requests(); len(calls) != 1 {
		t.Errorf("%d calls reached Wix, want 1", len(calls))
	}
	if _, err := c.Fulfillments(t.Context(), models.Access{ExternalID: "another"}, orderID); err != nil {
		t.Error(err)
	}
}

func TestPaceIsKeptPerStore(t *testing.T) {
	t.Parallel()
	s := newStub(t, reply{body: string(fixture(t, "list-fulfillments-response.json"))})
	// One call a minute: the token takes the first turn of each store, the order's call would have to wait too long.
	c := newClient(t, s.URL, func(cfg *wix.Config) { cfg.PerMinute = 1 })
	for _, instance := range []string{"a", "b"} {
		_, err := c.Fulfillments(t.Context(), models.Access{ExternalID: instance}, orderID)
		if models.KindOf(err) != models.Throttled {
			t.Errorf("got %v", err)
		}
	}
	if tokens, calls := s.requests(); len(tokens) != 2 || len(calls) != 0 {
		t.Errorf("%d token requests and %d calls", len(tokens), len(calls))
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	const token = "OauthNG.JWS.eyJraWQiOiJ0ZXN0IiwiYWxnIjoiSFMyNTYifQ.eyJkYXRhIjoie30ifQ.c2ln"
	list := string(fixture(t, "list-fulfillments-response.json"))
	for name, tt := range map[string]struct {
		answer string
		do     func(context.Context, *wix.Client) error
		want   seen
	}{
		"amend": {
			answer: list,
			do: func(ctx context.Context, c *wix.Client) error {
				return c.Amend(ctx, access, orderID, models.Fulfillment{ID: parcelID, Number: "N2", Carrier: "ups", Lines: parcel.Lines})
			},
			want: seen{
				"PATCH", "/ecom/v1/fulfillments/" + parcelID + "/orders/" + orderID, token,
				`{"fulfillment":{"trackingInfo":{"trackingNumber":"N2","shippingProvider":"ups","trackingLink":null}}}`,
			},
		},
		"unfulfill": {
			answer: list,
			do:     func(ctx context.Context, c *wix.Client) error { return c.Unfulfill(ctx, access, orderID, parcelID) },
			want:   seen{"DELETE", "/ecom/v1/fulfillments/" + parcelID + "/orders/" + orderID, token, ""},
		},
		"list": {
			answer: list,
			do: func(ctx context.Context, c *wix.Client) error {
				_, err := c.Fulfillments(ctx, access, orderID)
				return err
			},
			want: seen{"GET", "/ecom/v1/fulfillments/orders/" + orderID, token, ""},
		},
		"payments": {
			answer: `{"orderTransactions":{"payments":[{"status":"","regularPaymentDetails":{"status":"REFUNDED"}},{"status":"NEW"}]}}`,
			do: func(ctx context.Context, c *wix.Client) error {
				got, err := c.Payments(ctx, access, orderID)
				if diff := cmp.Diff([]wix.Payment{{Status: "REFUNDED", Captured: true}, {Status: "NEW"}}, got); diff != "" {
					t.Error(diff)
				}
				return err
			},
			want: seen{"GET", "/ecom/v1/payments/orders/" + orderID, token, ""},
		},
		"store": {
			answer: `{"instance":{"instanceId":"` + instanceID + `"},"site":{"siteDisplayName":"Shop","url":"https://shop.example","paymentCurrency":"EUR"}}`,
			do: func(ctx context.Context, c *wix.Client) error {
				got, err := c.Store(ctx, access)
				want := models.StoreInfo{InstanceID: instanceID, Name: "Shop", Currency: "EUR", URL: "https://shop.example"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				return err
			},
			want: seen{"GET", "/apps/v1/instance", token, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, reply{body: tt.answer})
			if err := tt.do(t.Context(), newClient(t, s.URL+"/")); err != nil {
				t.Fatal(err)
			}
			_, calls := s.requests()
			if diff := cmp.Diff([]seen{tt.want}, calls, cmp.AllowUnexported(seen{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatCannotBeSentIsRefusedHere(t *testing.T) {
	t.Parallel()
	s := newStub(t, reply{body: `{}`})
	c := newClient(t, s.URL)
	with := func(change func(*models.Fulfillment)) models.Fulfillment {
		f := parcel
		change(&f)
		return f
	}
	fulfill := func(order string, f models.Fulfillment) error {
		_, err := c.Fulfill(t.Context(), access, order, f)
		return err
	}
	order := func(a models.Access, id string) error {
		_, err := c.Order(t.Context(), a, id)
		return err
	}
	for code, all := range map[string][]error{
		"wix_fulfillment_incomplete": {
			fulfill(orderID, with(func(f *models.Fulfillment) { f.Lines = nil })),
			fulfill(orderID, with(func(f *models.Fulfillment) { f.Lines = []models.FulfillmentLine{{LineID: line1}} })),
			fulfill(orderID, with(func(f *models.Fulfillment) { f.Lines = []models.FulfillmentLine{{Quantity: 1}} })),
			c.Amend(t.Context(), access, orderID, models.Fulfillment{ID: parcelID}),
		},
		"wix_bad_id": {
			order(access, ""), order(access, ".."), order(access, "a/b"), order(access, "a?b"), order(access, strings.Repeat("a", 101)),
			fulfill("../x", parcel),
			c.Amend(t.Context(), access, orderID, models.Fulfillment{ID: "", Number: "1"}),
			c.Unfulfill(t.Context(), access, orderID, "a b"),
		},
		"wix_instance_missing": {order(models.Access{}, orderID)},
	} {
		for _, err := range all {
			wantError(t, err, models.Invalid, code)
		}
	}
	if tokens, calls := s.requests(); len(tokens)+len(calls) != 0 {
		t.Errorf("requests were sent: %v %v", tokens, calls)
	}
}

func TestSearchPagesThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":             `{}`,
		"one order is odd":    `{"orders":[{"id":"o-1","updatedDate":"never"}],"metadata":{"hasNext":false}}`,
		"null order":          `{"orders":[null],"metadata":{"hasNext":false}}`,
		"next without cursor": `{"orders":[],"metadata":{"hasNext":true,"cursors":{}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, reply{body: body})
			_, err := newClient(t, s.URL).Search(t.Context(), access, models.StoreQuery{}, "")
			wantError(t, err, models.Unavailable, "wix_undecodable")
		})
	}
	s := newStub(t, reply{body: `{"orders":[],"metadata":{"cursors":{"next":"c"}}}`})
	if page, err := newClient(t, s.URL).Search(t.Context(), access, models.StoreQuery{}, ""); err != nil || page.Next != "c" {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, cfg := range []wix.Config{
		{BaseURL: "www.wixapis.com"},
		{BaseURL: "ftp://www.wixapis.com"},
		{BaseURL: "https://"},
		{BaseURL: "https://user:pass@www.wixapis.com"},
		{BaseURL: "https://www.wixapis.com/?a=b"},
		{BaseURL: "://"},
		{PublicKeyPEM: "not a key"},
		{PublicKeyPEM: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
	} {
		if _, err := wix.New(cfg); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
	if _, err := wix.New(wix.Config{}); err != nil {
		t.Error(err)
	}
}
