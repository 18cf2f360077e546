package aliexpress_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/aliexpress"
)

func purchase() models.PurchaseRequest {
	return models.PurchaseRequest{
		Key: "200300400500",
		Address: models.Address{
			FirstName: "Malik", LastName: "Jack", Phone: "+1 856-555-0100", Line1: "120 E Landis Ave", Line2: "Apt 4",
			City: "Vineland", Subdivision: "US-NJ", PostalCode: "08360", Country: "US",
		},
		Items: []models.PurchaseItem{
			{ProductID: "1005006454451334", SKUID: "12000037255569170", SKUAttr: "200000795:193#no switch;249:200006305#4w(max100w)", Quantity: 1, Service: "CAINIAO_FULFILLMENT_STD"},
			{ProductID: "1005004638293060", SKUID: "12000041122334455", SKUAttr: "14:365458#Brown & <b>", Quantity: 3},
		},
		Note: "no invoice, please",
	}
}

const purchaseJSON = `{"out_order_id":"200300400500","logistics_address":{"address":"120 E Landis Ave","address2":"Apt 4","city":"Vineland",` +
	`"contact_person":"Malik Jack","country":"US","full_name":"Malik Jack","locale":"en_US","mobile_no":"8565550100","phone_country":"+1",` +
	`"province":"New Jersey","zip":"08360"},"product_items":[{"product_id":1005006454451334,"product_count":1,` +
	`"sku_attr":"200000795:193#no switch;249:200006305#4w(max100w)","logistics_service_name":"CAINIAO_FULFILLMENT_STD","order_memo":"no invoice, please"},` +
	`{"product_id":1005004638293060,"product_count":3,"sku_attr":"14:365458#Brown & <b>","order_memo":"no invoice, please"}]}`

func TestTheRequestHasTheMembersOfTheDocumentedOneAndNeverPays(t *testing.T) {
	t.Parallel()
	var documented map[string]any
	if err := json.Unmarshal(fixture(t, "request_order_create_params.json"), &documented); err != nil {
		t.Fatal(err)
	}
	g := answering(t, `{}`)
	g.client(t).Place(t.Context(), access, purchase(), nil)
	_, forms := g.seen()
	sent := map[string]any{}
	for name := range documented {
		var v any
		if err := json.Unmarshal([]byte(forms[0].Get(name)), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sent[name] = v
	}
	want := members(documented)
	delete(want, ".ds_extend_request.payment.pay_currency") // only payment by API needs it
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(members(sent)))); diff != "" {
		t.Errorf("members (-documented +sent):\n%s", diff)
	}
	if got := forms[0].Get("ds_extend_request"); got != `{"payment":{"try_to_pay":"false"}}` {
		t.Errorf("ds_extend_request %s", got)
	}
}

func members(v any) map[string]bool {
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(path+"."+name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		default:
			found[path] = true
		}
	}
	walk("", v)
	return found
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func saying(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func createAnswer(result string) string {
	return `{"aliexpress_ds_order_create_response":{"result":` + result + `,"request_id":"1"}}`
}

func refusal(code, sub string) string {
	return `{"error_response":{"code":"` + code + `","msg":"m","sub_code":"` + sub + `","request_id":"1"}}`
}

func business(code string) string {
	return createAnswer(`{"is_success":false,"error_code":"` + code + `","error_msg":"their words"}`)
}

const created = `{"is_success":true,"order_list":{"number":[8198352049851315]}}`

type placing struct {
	answer  func(http.ResponseWriter, *http.Request)
	class   models.PlaceClass
	kind    models.Kind
	code    string
	numbers []string
}

func placings(t *testing.T) map[string]placing {
	t.Helper()
	file := func(name string) func(http.ResponseWriter, *http.Request) { return saying(string(fixture(t, name))) }
	first, second := []string{order}, []string{order, "8198352049871315"}
	unknown := func(answer func(http.ResponseWriter, *http.Request)) placing {
		return placing{answer, models.ClassUnknown, models.Unknown, "placement_unknown", nil}
	}
	rejected := func(code, ours string) placing {
		return placing{saying(business(code)), models.ClassRejected, models.Rejected, ours, nil}
	}
	stopped := func(body string, kind models.Kind, ours string) placing {
		return placing{saying(body), models.ClassNotExecuted, kind, ours, nil}
	}
	placed := func(body string, numbers []string) placing {
		return placing{saying(body), models.ClassPlaced, "", "", numbers}
	}
	ok := createAnswer(created)
	table := map[string]placing{
		"placed":                     {file("order_create_ok.json"), models.ClassPlaced, "", "", first},
		"placed, split":              {file("order_create_ok_split.json"), models.ClassPlaced, "", "", second},
		"placed, not paid":           {file("order_create_autopay_failed.json"), models.ClassPlaced, "", "", []string{"8190439416163295"}},
		"placed, older root":         {file("placeorder_legacy_ok.json"), models.ClassPlaced, "", "", first},
		"placed, no root":            placed(`{"result":`+created+`,"code":"0"}`, first),
		"placed, no result level":    placed(`{"aliexpress_ds_order_create_response":`+created+`}`, first),
		"placed, resp_result":        placed(`{"aliexpress_ds_order_create_response":{"resp_result":{"result":`+created+`,"resp_code":200}}}`, first),
		"placed, code beside root":   placed(ok[:len(ok)-1]+`,"code":"0"}`, first),
		"placed, bare list":          placed(createAnswer(`{"is_success":"true","order_list":["8198352049851315",8198352049871315]}`), second),
		"placed, single number":      placed(createAnswer(`{"is_success":"true","order_list":{"number":8198352049851315}}`), first),
		"placed, repeated number":    placed(createAnswer(`{"is_success":true,"order_list":{"number":[8198352049851315,"8198352049851315"]}}`), first),
		"placed, strange error code": placed(createAnswer(`{"is_success":true,"error_code":"X","order_list":{"number":[8198352049851315]}}`), first),

		"address file":   {file("order_create_error_address.json"), models.ClassRejected, models.Rejected, "address_rejected", nil},
		"delivery file":  {file("order_create_error_delivery_method.json"), models.ClassRejected, models.Rejected, "no_shipping", nil},
		"inventory file": {file("order_create_error_inventory.json"), models.ClassRejected, models.Rejected, "out_of_stock", nil},

		"repeated file":         unknown(file("order_create_error_repeated.json")),
		"afterpay's answer":     unknown(file("order_afterpay_ok.json")),
		"another method":        unknown(file("order_get_unpaid.json")),
		"build error":           unknown(saying(business("ERROR_WHEN_BUILD_FOR_PLACE_ORDER"))),
		"unknown business code": unknown(saying(business("B_DROPSHIPPER_SOMETHING_NEW"))),
		"longer business code":  unknown(saying(business("INVENTORY_HOLD_ERROR_2"))),
		"refused without code":  unknown(saying(createAnswer(`{"is_success":false,"error_msg":"Please enter a city"}`))),
		"refused with numbers":  unknown(saying(createAnswer(`{"is_success":false,"error_code":"SKU_NOT_EXIST","order_list":{"number":[8198352049851315]}}`))),
		"success without list":  unknown(saying(createAnswer(`{"is_success":true}`))),
		"success, empty list":   unknown(saying(createAnswer(`{"is_success":true,"order_list":{"number":[]}}`))),
		"success, null number":  unknown(saying(createAnswer(`{"is_success":true,"order_list":{"number":[null]}}`))),
		"success, float number": unknown(saying(createAnswer(`{"is_success":true,"order_list":{"number":[8.198352049851315e15]}}`))),
		"success, odd number":   unknown(saying(createAnswer(`{"is_success":true,"order_list":{"number":[8198352049851315,"pending"]}}`))),
		"success left open":     unknown(saying(createAnswer(`{"order_list":{"number":[8198352049851315]}}`))),
		"empty result":          unknown(saying(createAnswer(`{}`))),
		"null result":           unknown(saying(createAnswer(`null`))),
		"business code beside":  unknown(saying(`{"aliexpress_ds_order_create_response":{"result":` + created + `,"rsp_code":500}}`)),
		"refusal and result":    unknown(saying(`{"error_response":{"code":"ApiCallLimit"},"aliexpress_ds_order_create_response":{"result":` + created + `}}`)),
		"two roots":             unknown(saying(`{"a_response":{"result":{}},"b_response":{"result":` + created + `}}`)),
		"remote service":        unknown(file("error_remote_service_unavailable.json")),
		"isp with limit code":   unknown(saying(refusal("ApiCallLimit", "isp.http-read-timeout"))),
		"code 15 alone":         unknown(saying(refusal("15", ""))),
		"code 15, unknown sub":  unknown(saying(refusal("15", "isv.something-new"))),
		"InternalError":         unknown(saying(refusal("InternalError", ""))),
		"ServiceUnavailable":    unknown(saying(refusal("ServiceUnavailable", ""))),
		"ServiceTimeout":        unknown(saying(refusal("ServiceTimeout", ""))),
		"unknown code":          unknown(saying(refusal("NeverSeen", ""))),
		"flat unknown code":     unknown(saying(`{"type":"ISP","code":"NeverSeen","message":"m"}`)),
		"empty answer":          unknown(saying(``)),
		"empty object":          unknown(saying(`{}`)),
		"array":                 unknown(saying(`[]`)),
		"HTML":                  unknown(saying(`<html><body>busy</body></html>`)),
		"half of the JSON":      unknown(saying(ok[:len(ok)/2])),
		"more after the JSON":   unknown(saying(ok + `{}`)),
		"500":                   unknown(status(500, ok)),
		"502 with HTML":         unknown(status(502, `<html>Bad Gateway</html>`)),
		"503 with a limit":      unknown(status(503, refusal("ApiCallLimit", ""))),
		"404":                   unknown(status(404, ``)),
		"429":                   unknown(status(429, ``)),
		"redirect": unknown(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}),
		"reset": unknown(reset),
		"cut short": unknown(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, ok)
		}),

		"token file":        {file("error_expired_token.json"), models.ClassNotExecuted, models.Disconnected, "token_refused", nil},
		"legacy token file": {file("error_expired_token_legacy_top.json"), models.ClassNotExecuted, models.Disconnected, "token_refused", nil},
		"signature file":    {file("error_bad_signature_sync.json"), models.ClassNotExecuted, models.Invalid, "aliexpress_app_misconfigured", nil},
		"flat signature":    {file("error_bad_signature_rest.json"), models.ClassNotExecuted, models.Invalid, "aliexpress_app_misconfigured", nil},
		"limit file":        {file("error_throttled.json"), models.ClassNotExecuted, models.Throttled, "platform_limit", nil},
		"app limit file":    {file("error_throttled_app_api.json"), models.ClassNotExecuted, models.Throttled, "platform_limit", nil},
		"flat limit file":   {file("error_throttled_rest.json"), models.ClassNotExecuted, models.Throttled, "platform_limit", nil},
		"legacy limit file": {file("error_throttled_legacy_top.json"), models.ClassNotExecuted, models.Throttled, "platform_limit", nil},
		"missing file":      {file("error_missing_parameter.json"), models.ClassNotExecuted, models.Invalid, "aliexpress_app_misconfigured", nil},
		"permission file":   {file("error_insufficient_permission.json"), models.ClassNotExecuted, models.Invalid, "aliexpress_not_permitted", nil},
		"foreign data":      stopped(refusal("15", "isv.invalid-authorization"), models.Invalid, "aliexpress_not_permitted"),
		"daily quota":       stopped(refusal("15", "accesscontrol.limited-by-app-access-count"), models.Throttled, "platform_limit"),
		"older session":     stopped(refusal("InvalidSession", ""), models.Disconnected, "token_refused"),
	}
	for code, ours := range map[string]string{
		"B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL": "address_rejected", "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID": "address_rejected",
		"B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH": "address_rejected", "DELIVERY_METHOD_NOT_EXIST": "no_shipping",
		"INVENTORY_HOLD_ERROR": "out_of_stock", "PRICE_PAY_CURRENCY_ERROR": "currency_mismatch",
		"BLACKLIST_BUYER_IN_LIST": "account_blocked", "USER_ACCOUNT_DISABLED": "account_blocked",
		"A001_ORDER_CANNOT_BE_PLACED": "refused", "A002_INVALID_ZONE": "refused", "A003_SUSPICIOUS_BUYER": "refused",
		"A004_CANNOT_USER_COUPON": "refused", "A005_INVALID_COUNTRIES": "refused", "A006_INVALID_ACCOUNT_INFO": "refused",
		"SKU_NOT_EXIST": "sku_gone", "PRODUCT_NOT_EXIST": "product_gone",
	} {
		table[code] = rejected(code, ours)
	}
	for _, code := range []string{"ApiCallLimit", "ApiCallLimits", "AppApiCallLimit"} {
		table[code] = stopped(refusal(code, ""), models.Throttled, "platform_limit")
	}
	for _, code := range []string{"IncompleteSignature", "IllegalTimestamp", "InvalidAppKey", "InvalidAppkey", "InvalidApiPath", "MissingParameter", "InvalidParameter"} {
		table[code] = stopped(refusal(code, ""), models.Invalid, "aliexpress_app_misconfigured")
	}
	return table
}

func TestPlaceSendsOnceAndCallsOnlyTheKnownByName(t *testing.T) {
	t.Parallel()
	for name, want := range placings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, want.answer)
			asked := 0
			got := g.client(t).Place(t.Context(), access, purchase(), func() bool { asked++; return true })
			g.Close() // waits for calls under way: nothing can come after this
			if got.Class != want.class || !slices.Equal(got.Numbers, want.numbers) {
				t.Errorf("%s %v, want %s %v (%v)", got.Class, got.Numbers, want.class, want.numbers, got.Err)
			}
			checkError(t, got.Err, want.kind, want.code)
			if requests, _ := g.seen(); len(requests) != 1 || asked != 1 {
				t.Errorf("%d requests after %d questions, want 1 after 1", len(requests), asked)
			}
		})
	}
}

func checkError(t *testing.T, got *models.Error, kind models.Kind, code string) {
	t.Helper()
	switch {
	case kind == "" && got != nil:
		t.Errorf("error %v, want none", got)
	case kind != "" && (got == nil || got.Kind != kind || got.Code != code):
		t.Errorf("error %v, want %s %s", got, kind, code)
	case kind != "" && got.Detail == "":
		t.Errorf("%v says nothing to people", got)
	case kind == models.Unknown && errors.Is(got, models.Unavailable):
		t.Errorf("%v passes for something to try again", got)
	case kind == models.Rejected && !strings.ContainsAny(got.Detail, "“"):
		t.Errorf("%q lacks AliExpress' words", got.Detail)
	}
}

func TestARefusalRepeatsAliExpressWords(t *testing.T) {
	t.Parallel()
	g := answering(t, string(fixture(t, "order_create_error_address.json")))
	got := g.client(t).Place(t.Context(), access, purchase(), nil)
	if want := "AliExpress does not accept the address: “Please enter a city”."; got.Err == nil || got.Err.Detail != want {
		t.Errorf("%v, want %s", got.Err, want)
	}
}

func TestPlaceKeepsWhatItRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100<<10)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"placed": {saying(createAnswer(created)), createAnswer(created)},
		"502":    {status(502, "<html>"), "<html>"},
		"long":   {saying(long), long[:64<<10]},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, "half")
		}, "half"},
		"reset": {reset, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newGateway(t, c.answer).client(t).Place(t.Context(), access, purchase(), nil)
			if string(got.Answer) != c.want {
				t.Errorf("%d bytes, want %d", len(got.Answer), len(c.want))
			}
		})
	}
}

func TestACallThatHangsIsUnknown(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

	t.Run("until the time is up", func(t *testing.T) {
		t.Parallel()
		g := newGateway(t, hang)
		got := g.client(t, func(c *aliexpress.Config) { c.PlaceTimeout = time.Second }).Place(t.Context(), access, purchase(), nil)
		g.Close()
		checkOnceUnknown(t, g, got)
	})
	t.Run("until the caller gives up", func(t *testing.T) {
		t.Parallel()
		ctx, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
			giveUp()
			hang(w, r)
		})
		got := g.client(t).Place(ctx, access, purchase(), nil)
		g.Close()
		checkOnceUnknown(t, g, got)
	})
}

func checkOnceUnknown(t *testing.T, g *gateway, got models.PlaceResult) {
	t.Helper()
	if got.Class != models.ClassUnknown {
		t.Errorf("%s (%v), want unknown", got.Class, got.Err)
	}
	if requests, _ := g.seen(); len(requests) != 1 {
		t.Errorf("%d requests, want 1", len(requests))
	}
}

// The transport re-sends on a kept connection that dies (reliability.md E1). Here the second call would meet one.
func TestEveryPlacementHasAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	g := newGateway(t, nil)
	g.answer = func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr]++
		if len(seen) == 2 {
			reset(w, r)
			return
		}
		_, _ = io.WriteString(w, createAnswer(created))
	}
	c := g.client(t)
	first := c.Place(t.Context(), access, purchase(), nil)
	second := c.Place(t.Context(), access, purchase(), nil)
	g.Close()
	if first.Class != models.ClassPlaced || second.Class != models.ClassUnknown {
		t.Errorf("%s and %s, want placed and unknown", first.Class, second.Class)
	}
	if requests, _ := g.seen(); len(requests) != 2 || len(seen) != 2 {
		t.Errorf("%d requests on %d connections, want 2 on 2", len(requests), len(seen))
	}
}

func TestWhatNeverLeftIsNotExecuted(t *testing.T) {
	t.Parallel()
	yes, no := func() bool { return true }, func() bool { return false }
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a call came in") }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	_ = listener.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	empty, odd := purchase(), purchase()
	empty.Items = nil
	odd.Items[0].ProductID = "12a"

	for name, c := range map[string]struct {
		ctx        context.Context
		base       string
		req        models.PurchaseRequest
		beforeSend func() bool
		kind       models.Kind
	}{
		"the dial is refused":       {t.Context(), closed, purchase(), yes, models.Unavailable},
		"the certificate is wrong":  {t.Context(), untrusted.URL, purchase(), yes, models.Unavailable},
		"the caller is gone":        {over, untrusted.URL, purchase(), yes, models.Unavailable},
		"the claim is lost":         {t.Context(), untrusted.URL, purchase(), no, models.Unavailable},
		"there is nothing to buy":   {t.Context(), untrusted.URL, empty, yes, models.Invalid},
		"a product id is no number": {t.Context(), untrusted.URL, odd, yes, models.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := (&gateway{Server: untrusted}).client(t, func(config *aliexpress.Config) { config.BaseURL = c.base })
			got := client.Place(c.ctx, access, c.req, c.beforeSend)
			if got.Class != models.ClassNotExecuted || got.Err == nil || got.Err.Kind != c.kind {
				t.Errorf("%s %v, want not_executed %s", got.Class, got.Err, c.kind)
			}
		})
	}
}

func TestABanKeepsPlacingBackAndNothingElse(t *testing.T) {
	t.Parallel()
	g := answering(t, string(fixture(t, "error_throttled_app_api.json")))
	c := g.client(t)
	for range 3 {
		got := c.Place(t.Context(), access, purchase(), nil)
		if got.Class != models.ClassNotExecuted || got.Err.Kind != models.Throttled || got.Err.RetryAfter < 14000*time.Second {
			t.Fatalf("%s %v after %s", got.Class, got.Err, got.Err.RetryAfter)
		}
	}
	if requests, _ := g.seen(); len(requests) != 1 {
		t.Errorf("%d requests, want 1: the ban holds the others back", len(requests))
	}
	_, _ = c.Tracking(t.Context(), access, order)
	if requests, _ := g.seen(); len(requests) != 2 {
		t.Errorf("%d requests, want 2: the ban is the method's", len(requests))
	}
}
