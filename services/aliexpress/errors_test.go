package aliexpress_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

func TestErrorsOfReadingHaveTheirKinds(t *testing.T) {
	t.Parallel()
	// Gateway, backend (15) and legacy (numeric) codes, each enveloped as on /sync and flat as on /rest.
	for name, c := range map[string]struct {
		code, sub string
		kind      models.Kind
		ours      string
	}{
		"api limit":         {"ApiCallLimit", "", models.Throttled, "platform_limit"},
		"app limit":         {"AppApiCallLimit", "", models.Throttled, "platform_limit"},
		"quota":             {"7", "accesscontrol.limited-by-api-access-count", models.Throttled, "platform_limit"},
		"token":             {"IllegalAccessToken", "", models.Disconnected, "token_refused"},
		"older token":       {"InvalidSession", "", models.Disconnected, "token_refused"},
		"legacy missing":    {"26", "", models.Disconnected, "token_refused"},
		"legacy signature":  {"25", "", models.Rejected, "aliexpress_app_misconfigured"},
		"clock":             {"IllegalTimestamp", "", models.Rejected, "aliexpress_app_misconfigured"},
		"app key, so spelt": {"InvalidAppkey", "", models.Rejected, "aliexpress_app_misconfigured"},
		"migration":         {"15", "isv.account-migration-check-fail", models.Rejected, "aliexpress_app_misconfigured"},
		"not visible":       {"15", "isv.insufficient-permission", models.NotFound, "supplier_order_not_visible"},
		"another account":   {"15", "isv.invalid-authorization", models.NotFound, "supplier_order_not_visible"},
		"app not allowed":   {"InsufficientPermission", "", models.Rejected, "aliexpress_not_permitted"},
		"backend":           {"15", "isp.service-unavailable", models.Unavailable, "aliexpress_unavailable"},
		"backend, unknown":  {"15", "isv.something-new", models.Unavailable, "aliexpress_unavailable"},
		"internal":          {"InternalError", "", models.Unavailable, "aliexpress_unavailable"},
		"service":           {"ServiceUnavailable", "", models.Unavailable, "aliexpress_unavailable"},
		"never seen":        {"Mystery", "", models.Unavailable, "aliexpress_unavailable"},
	} {
		members := `"type":"ISV","request_id":"r1","sub_code":"` + c.sub + `",`
		for shape, body := range map[string]string{
			"enveloped": `{"error_response":{` + members + `"code":"` + c.code + `","msg":"m"}}`,
			"flat":      `{` + members + `"code":"` + c.code + `","message":"m"}`,
		} {
			t.Run(name+"/"+shape, func(t *testing.T) {
				t.Parallel()
				checkReading(t, body, reading{do: readOrder, kind: c.kind, code: c.ours})
			})
		}
	}
}

func TestAMisconfiguredAppIsToldWhichSettingsToCheck(t *testing.T) {
	t.Parallel()
	_, err := answering(t, string(fixture(t, "error_bad_signature_sync.json"))).client(t).Order(t.Context(), access, order)
	detail := models.AsError(err).Detail
	for _, word := range []string{"WAYBILL_ALIEXPRESS_APP_KEY", "WAYBILL_ALIEXPRESS_APP_SECRET", "IncompleteSignature"} {
		if !strings.Contains(detail, word) {
			t.Errorf("%q lacks %s", detail, word)
		}
	}
}

func TestPermissionOfAnythingButAnOrderIsNoMissingOrder(t *testing.T) {
	t.Parallel()
	body := string(fixture(t, "error_insufficient_permission.json"))
	checkReading(t, body, reading{do: readProduct, kind: models.Rejected, code: "aliexpress_not_permitted"})
	checkReading(t, body, reading{do: readTracking, kind: models.NotFound, code: "supplier_order_not_visible"})
}

func TestFailuresOfTransportAreUnavailable(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"reset":    reset,
		"502":      status(502, "<html>"),
		"404":      status(404, `{"result":{"order_status":"FINISH"}}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
		"HTML":     saying("<html>"),
		"empty":    saying(""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newGateway(t, answer).client(t).Order(t.Context(), access, order)
			if models.KindOf(err) != models.Unavailable {
				t.Errorf("%v, want unavailable", err)
			}
		})
	}
}

func TestABanLastsAsLongAsAliExpressSaysAndASecondMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want time.Duration
	}{
		"one second":      {`"code":"ApiCallLimit","msg":"Api access frequency exceeds the limit. this ban will last 1 seconds"`, 2 * time.Second},
		"hours":           {`"code":"AppApiCallLimit","msg":"This ban will last 14229 seconds"`, 14230 * time.Second},
		"legacy":          {`"code":7,"sub_code":"accesscontrol.limited-by-app-api-access-count","sub_msg":"This ban will last for 2 more seconds"`, 3 * time.Second},
		"capitals":        {`"code":"ApiCallLimits","msg":"BAN WILL LAST FOR 9 SECONDS"`, 10 * time.Second},
		"flat's message":  {`"code":"ApiCallLimit","message":"this ban will last 4 seconds"`, 5 * time.Second},
		"nothing said":    {`"code":"ApiCallLimit"`, 2 * time.Second},
		"absurd":          {`"code":"ApiCallLimit","msg":"ban will last 99999999999999999999 seconds"`, 24*time.Hour + time.Second},
		"the whole app":   {`"code":"AppCallLimit"`, time.Minute},
		"the daily quota": {`"code":"15","sub_code":"accesscontrol.limited-by-app-access-count"`, 4*time.Hour + time.Second}, // noon UTC is 20:00 in China
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := answering(t, `{"error_response":{`+c.body+`}}`)
			client := g.client(t)
			_, err := client.Order(t.Context(), access, order)
			if e := models.AsError(err); e.Kind != models.Throttled || e.RetryAfter != c.want {
				t.Errorf("%v after %s, want %s", err, e.RetryAfter, c.want)
			}
			_, err = client.Order(t.Context(), access, order)
			if requests, _ := g.seen(); models.KindOf(err) != models.Throttled || len(requests) != 1 {
				t.Errorf("%v with %d requests: the ban holds no second call back", err, len(requests))
			}
		})
	}
}
